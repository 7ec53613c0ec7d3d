"""Make docs/images/terminal.svg: real commands, run in an empty folder, and what they print."""

from __future__ import annotations

import io
import os
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
    ("sentri keys list", None),
    ("sentri doctor --no-proxy --processes 4", None),
)
SECRET = "made for this picture, and of no use elsewhere"


def main() -> None:
    """Run the commands, and draw what they say."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        for command, given in COMMANDS:
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(_output(command, given, folder).rstrip()))
    console.save_svg(str(PICTURE), title="sentri", unique_id="sentri")


def _output(command: str, given: str | None, folder: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SENTRI_")},
        "SENTRI_KEY_ENCRYPTION_SECRET": SECRET,
        "COLUMNS": "100",
    }
    words = [sys.executable, "-m", *command.split()]
    done = subprocess.run(
        words, cwd=folder, env=environment, input=given or "", capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):  # 3: the doctor found something, which is what the picture shows
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
