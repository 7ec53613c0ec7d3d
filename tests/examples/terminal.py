"""A shell that somebody pastes an example's lines into."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Self

PATIENCE = 30.0


class Terminal:
    """A shell that somebody pastes into. `steps` are the lines that the walkthrough sets in, by their number; 0 are
    those before the first.
    """

    def __init__(self, walkthrough: str) -> None:
        self.steps = [
            [line.strip() for line in part.splitlines() if line.startswith("    ")]
            for part in re.split(r"(?m)^\d\. ", walkthrough)
        ]
        self.shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        """With the first lines pasted: they say nothing."""
        for line in self.steps[0]:
            assert self.paste(line) == ""
        return self

    def __exit__(self, *_: object) -> None:
        with self.shell as shell:
            shell.stdin.close()

    def paste(self, line: str) -> str:
        self.shell.stdin.write(f"{line}\necho --done\n")
        self.shell.stdin.flush()
        return "".join(iter(self.shell.stdout.readline, "--done\n"))

    def get(self, line: str) -> tuple[int, dict]:
        """The status and the answer of a line that calls the walkthrough's `get` or `ask`."""
        body, _, status = self.paste(line).rpartition(" ")
        return int(status.strip(" []\n")), json.loads(body or "{}")

    def until(self, line: str, good: Callable[[int, dict], bool]) -> tuple[int, dict]:
        deadline = time.monotonic() + PATIENCE
        while not good(*(answer := self.get(line))):
            assert time.monotonic() < deadline, answer
        return answer
