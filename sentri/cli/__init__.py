"""The command line: `sentri`, and `python -m sentri`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and exit: 0 done, 1 failed, 2 wrong arguments or settings."""
    try:
        from sentri.cli.program import run  # noqa: PLC0415 - here, so that a missing extra is told in words
    except ModuleNotFoundError as missing:
        if missing.name != "asyncclick":
            raise
        sys.stderr.write('The command line needs asyncclick: pip install "sentri-auth[cli]"\n')
        sys.exit(2)
    sys.exit(run())
