"""A thread for what takes too long for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sentri.errors import SentriError

__all__ = ["Worker"]

T = TypeVar("T")


class Worker:
    """One thread of its own: whatever the host does in the event loop's default pool, nothing here waits for it.

    Args:
        name: what the thread is called.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Let the thread do it, after what it was given before. For `result`."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix=self._name)
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
        """End the thread once what it is at is done. The next use starts a new one. Safe to repeat."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
