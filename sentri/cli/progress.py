"""How far a command is: a bar for whoever watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from sentri.cli.showing import is_terminal

__all__ = ["Advance", "Measured", "progress"]

Advance: TypeAlias = Callable[[], None]


class Measured(Protocol):
    """Something that is read: where it is, and where it ends."""

    @property
    def position(self) -> int: ...

    @property
    def size(self) -> int: ...


@contextmanager
def progress(what: str, measured: Measured) -> Iterator[Advance]:
    """A bar on a terminal, and call what is given to move it; nothing elsewhere.

    The bar says what the log would: while it is there, sentri logs warnings alone.
    """
    if not is_terminal(sys.stderr):
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - here alone: `sentri --help` does without
    from rich.progress import Progress  # noqa: PLC0415 - as above

    with _fewer_logs(), Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=measured.size)
        yield lambda: shown.update(task, completed=measured.position)


@contextmanager
def _fewer_logs() -> Iterator[None]:
    logger = logging.getLogger("sentri")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
