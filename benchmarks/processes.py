"""A server process on a core of its own, and the processor time that it has used. Linux only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["ALL_CORES", "LOAD_CORES", "SERVER_CORES", "ServerProcess", "stay_on"]

_ROOT: Final = Path(__file__).resolve().parent.parent
_CORES: Final = sorted(os.sched_getaffinity(0))
ALL_CORES: Final = frozenset(_CORES)
SERVER_CORES: Final = frozenset(_CORES[:1])
"""Where the server under test runs, alone with whatever else the machine does."""
LOAD_CORES: Final = frozenset(_CORES[1:2] or _CORES)
"""Where this process runs, which sends the requests. With one core in all they share it."""


@contextmanager
def stay_on(cores: Collection[int]) -> Iterator[None]:
    """Let this process run on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class ServerProcess:
    """One program of `benchmarks.servers`, listening on a port of its own choice on 127.0.0.1.

    Args:
        module: its name below `benchmarks.servers`.
        settings: what it is told, as JSON.
        cores: where it may run.
    """

    def __init__(self, module: str, settings: Mapping[str, Any], *, cores: Collection[int] = SERVER_CORES) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.servers.{module}", json.dumps(settings)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, cores)
        said = self._process.stdout.readline() if self._process.stdout else ""
        if not said.strip().isdigit():
            self.stop()
            raise SystemExit(f"the server {module} did not start")
        self.port = int(said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far, user and system, to the nanosecond."""
        # clock_getcpuclockid(3), which Python does not have: this is how Linux numbers the clock of another process.
        return time.clock_gettime(~self._process.pid << 3 | 2)

    def resident_bytes(self) -> int:
        """Memory that it has now (RSS)."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """End it. Safe to repeat."""
        self._process.terminate()
        try:
            self._process.wait(2)  # longer only where a pool of threads still has passwords to hash
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
