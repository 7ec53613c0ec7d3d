"""Threads of our own for what takes too long for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sentri.errors import SentriError

__all__ = ["Threads"]

T = TypeVar("T")


class Threads:
    """A bounded pool: whatever the host does in the event loop's default one, nothing here waits for it.

    Args:
        name: what the threads are called.
        most: how many there are.
    """

    def __init__(self, name: str, most: int = 1) -> None:
        self._name = name
        self._most = most
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Let a thread do it, after what was given before. For `result`."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._most, thread_name_prefix=self._name)
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def result(self, done: asyncio.Future[T]) -> T:
        """What came of it. Raises `SERVICE_UNAVAILABLE` where `close` was faster."""
        try:
            await asyncio.wait((done,))
        except asyncio.CancelledError:
            done.cancel()  # still in the queue, it leaves it
            raise
        if done.cancelled():  # by `close`: nobody cancelled whoever waits here
            raise SentriError("SERVICE_UNAVAILABLE", "The server is stopping. Try again later.")
        return done.result()

    async def run(self, work: Callable[[], T]) -> T:
        """What comes of it."""
        return await self.result(self.begin(work))

    def close(self) -> None:
        """End the threads once what they are at is done. The next use starts new ones. Safe to repeat."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
