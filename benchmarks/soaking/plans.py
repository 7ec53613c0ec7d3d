"""The statements of every request among a million users and two million sessions, on all three databases.

python -m benchmarks.soaking.plans

It is tests/storage/test_plans.py with more rows; minutes, most of them for making the rows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

USERS: Final = 1_000_000
_ROOT: Final = Path(__file__).resolve().parents[2]


def main() -> None:
    command = [sys.executable, "-m", "pytest", "tests/storage/test_plans.py", "-v", "--durations=6", *sys.argv[1:]]
    done = subprocess.run(command, cwd=_ROOT, env={**os.environ, "SENTRI_TEST_USERS": str(USERS)}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
