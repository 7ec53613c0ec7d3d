"""Starting the processes of an example, and waiting until they answer. Nothing here is about sentri."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

__all__ = ["start", "wait_for"]

PATIENCE = 30.0  # seconds until a process answers


def start(stack: ExitStack, script: Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], str]:
    """A process that ends with the stack, and the address that it prints."""
    process = subprocess.Popen(  # noqa: S603 - our own scripts
        [sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True
    )
    stack.enter_context(process.stdout)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    address = process.stdout.readline().strip()
    if not address:
        sys.exit(process.wait() or 1)  # it has said why
    return process, address


def wait_for(url: str) -> None:
    """Return once the address answers with a good status."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{url} does not answer: {error}")
            time.sleep(0.1)
        else:
            return
