"""A password from whoever runs a command: asked for, or from standard input; never an argument. And whose it is."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import asyncclick

from sentri.cli.showing import is_terminal

__all__ = ["asked_identifier", "asked_password", "interruptible"]


async def asked_identifier() -> str:
    """What is typed on a terminal. Elsewhere nobody is asked: a line that is piped in is the password."""
    if not is_terminal(sys.stdin):
        raise asyncclick.UsageError("Missing argument 'IDENTIFIER': it is asked for on a terminal alone.")
    with interruptible():
        return str(await asyncclick.prompt("Identifier", err=True))


async def asked_password() -> str:
    """What is typed twice on a terminal, and shown neither time; else the first line of standard input."""
    if is_terminal(sys.stdin):
        with interruptible():
            return str(
                await asyncclick.prompt("Password", hide_input=True, confirmation_prompt="Password again", err=True)
            )
    try:
        line = "" if sys.stdin is None else sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise asyncclick.UsageError("The password on standard input is not UTF-8 text.") from None
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise asyncclick.UsageError("The password is expected on standard input, and there is none.")
    return password


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends a prompt: the event loop's own handler would wait until the prompt is answered."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
