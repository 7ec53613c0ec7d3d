"""tests/fuzz, with many more examples than the normal suite tries, and other ones every time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.soaking.outcome import Outcome

__all__ = ["run"]

_ROOT: Final = Path(__file__).resolve().parents[2]


def run(*, quick: bool) -> Iterator[Outcome]:
    """The whole folder, in a pytest of its own."""
    examples = 5 if quick else 300
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        counts.touch()
        told = {"SENTRI_FUZZ_EXAMPLES": str(examples), "SENTRI_FUZZ_COUNTS": str(counts)}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "--show-capture=no", "tests/fuzz"],
            cwd=_ROOT,
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=False,
        )
        sent = sum(int(line) for line in counts.read_text(encoding="ascii").split())
    if done.returncode:
        print(done.stdout[-20_000:], file=sys.stderr)
    summary = done.stdout.strip().splitlines()[-1]
    figures = {"examples for an operation": examples, "requests": sent, "pytest": summary.strip("= ")}
    yield Outcome("fuzz", "both modes", held=done.returncode == 0, figures=figures)
