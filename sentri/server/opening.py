"""When the auth object is open: while somebody holds it, or from its first use until the event loop ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from sentri.errors import ConfigurationError

__all__ = ["Opening"]

Step = Callable[[], Awaitable[None]]


class Opening:
    """Opens and closes something that belongs to one event loop, however many use it.

    Args:
        open_: makes it usable.
        finish: waits for what still uses it, while it is open.
        close: lets go of everything; safe to repeat.
    """

    def __init__(self, open_: Step, finish: Step, close: Step) -> None:
        self._open = open_
        self._finish = finish
        self._close = close
        self._holders = 0
        self._used_by_others = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._times_opened = 0
        self._opening: asyncio.Task[None] | None = None
        self._until_the_end: AsyncGenerator[None, None] | None = None

    async def enter(self) -> None:
        """Hold it open until `leave`."""
        self._holders += 1
        try:
            await self._ensure()
        except BaseException:
            self._holders -= 1
            raise

    async def leave(self) -> None:
        """Let go. The last one closes, unless somebody has used it who did not hold it: they may be at it still."""
        self._holders -= 1
        if self._holders == 0 and not self._used_by_others:
            await self._shut()

    async def use(self) -> None:
        """Open it if it is not open. Whoever uses it without holding it finds it open until the event loop ends."""
        if self._loop is not asyncio.get_running_loop():
            await self._ensure()
        if self._holders == 0:
            self._used_by_others = True

    async def _ensure(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None and not self._loop.is_closed():
            raise ConfigurationError("this auth object is open in another event loop; each loop needs one of its own")
        if self._opening is None or self._opening.get_loop() is not loop:
            self._opening = loop.create_task(self._really_open(loop))
        opening = self._opening
        try:
            await asyncio.shield(opening)
        finally:
            if opening.done():
                self._opening = None

    async def _really_open(self, loop: asyncio.AbstractEventLoop) -> None:
        await self._close()  # what an earlier loop may have left behind
        await self._open()
        self._loop = loop
        self._times_opened += 1
        self._until_the_end = self._closing_with_the_loop(self._times_opened)
        await anext(self._until_the_end)

    async def _closing_with_the_loop(self, opened: int) -> AsyncGenerator[None, None]:
        # The event loop finalizes generators that are still suspended when it shuts down (asyncio.run does): without
        # this, a script that forgets to close would hang on its database driver's thread. It finalizes that of an
        # earlier opening too, as soon as a later one takes its place, and that one stays open.
        try:
            yield
        finally:
            if self._loop is not None and self._times_opened == opened:
                await self._shut()

    async def _shut(self) -> None:
        await self._finish()
        if self._holders:  # somebody came meanwhile
            return
        self._loop = None
        self._used_by_others = False
        await self._close()
