"""Running an example as its make target does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@contextmanager
def running(script: str, *, says: str = "http://", **environment: str) -> Iterator[str]:
    """The first line that has `says`; the example is stopped at the end, and ends with 0 and without a traceback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTRI_")}
    with subprocess.Popen(
        [sys.executable, ROOT / "examples" / script],
        cwd=ROOT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        too_late = threading.Timer(PATIENCE, process.kill)
        too_late.start()
        try:
            yield _line(process, says)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, log
            assert "Traceback" not in log, log
        finally:
            too_late.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _line(process: subprocess.Popen[str], says: str) -> str:
    for line in process.stdout:
        if says in line:
            return line
    raise AssertionError(process.stderr.read())


def address_in(line: str) -> str:
    return next(word for word in line.split() if word.startswith("http://"))
