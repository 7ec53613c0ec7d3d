"""Make docs/images/terminal.svg: real commands, run in an empty folder, and what they print.

python tools/terminal_picture.py [ANOTHER.svg]
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).resolve().parents[1] / "docs/images/terminal.svg"
COMMANDS = (
    ("sentri migrate", None),
    ("sentri users create ada@example.com --role admin", "correct horse battery\n"),
    ("sentri doctor --no-proxy --processes 4", None),
)
ENCRYPTS = "made for this picture, and of no use elsewhere"


def main(picture: Path = PICTURE) -> None:
    """Run the commands, and draw what they say."""
    console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        for command, given in COMMANDS:
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(_output(command, given, folder).rstrip()))
    console.save_svg(str(picture), title="sentri", unique_id="sentri")


def _output(command: str, given: str | None, folder: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SENTRI_")},
        "SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTS,
        "COLUMNS": "100",
    }
    words = [sys.executable, "-m", *command.split()]
    reading, terminal = pty.openpty()  # as a terminal gets it
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=terminal, stderr=subprocess.PIPE, text=True
    )
    os.close(terminal)
    _, log = process.communicate(given or "")  # what they print fits into the terminal's buffer
    if process.returncode not in (0, 3):  # 3: the doctor found something, which is what the picture shows
        sys.exit(f"{command} ended with {process.returncode}: {log}")
    return _read(reading).replace("\r\n", "\n")


def _read(terminal: int) -> str:
    shown = b""
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:  # Linux: the other side is closed
        pass
    finally:
        os.close(terminal)
    return shown.decode()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
