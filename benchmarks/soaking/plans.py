"""The statements of every request among a million users and two million sessions, on all three databases.

It is tests/storage/test_plans.py with more rows; minutes, most of them for making the rows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.soaking.outcome import Outcome

__all__ = ["run"]

_USERS: Final = 1_000_000
_ROOT: Final = Path(__file__).resolve().parents[2]


def run(*, quick: bool) -> Iterator[Outcome]:
    """In a pytest of its own; quickly, with as many rows as the normal suite."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/storage/test_plans.py"]
    asked = {} if quick else {"SENTRI_TEST_USERS": str(_USERS)}
    done = subprocess.run(command, cwd=_ROOT, env=os.environ | asked, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-20_000:], file=sys.stderr)
    figures = {
        "users": asked.get("SENTRI_TEST_USERS", "as in the suite"),
        "pytest": done.stdout.strip().splitlines()[-1],
    }
    yield Outcome("plans", "all three databases", held=done.returncode == 0, figures=figures)
