"""The line in front of the threads that hash: as long as waiting in it makes sense, and no longer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, TypeVar

from sentri.errors import SentriError
from sentri.threads import Threads

__all__ = ["HashQueue"]

T = TypeVar("T")
_WEIGHT: Final = 0.1
"""How much the last hash says of how long one takes."""


class HashQueue:
    """Runs work in a bounded pool of threads, and refuses it where its turn would come too late.

    How long one takes is measured as it goes, so that a machine that is slower, or shared, has a shorter line.

    Args:
        threads: how many work at the same time.
        most_wait: seconds that work may be expected to wait for its turn.
        guess: seconds that one takes, until it was measured.
    """

    def __init__(self, threads: int, *, most_wait: float, guess: float) -> None:
        self._threads = threads
        self._most_wait = most_wait
        self._typical = guess
        self._pool = Threads("sentri-hash", threads)
        self._under_way: set[asyncio.Future[Any]] = set()
        self._in_line: set[asyncio.Task[Any] | None] = set()

    @property
    def expected_wait(self) -> float:
        """Seconds until work that is given now would begin."""
        before = len(self._under_way) - self._threads + 1
        return max(0, before) * self._typical / self._threads

    async def run(self, work: Callable[[], T]) -> T:
        """What comes of it. Whoever is cancelled leaves the line.

        Raises `SERVICE_UNAVAILABLE` with `Retry-After` where the line is too long.
        """
        wait = self.expected_wait
        if wait > self._most_wait:
            retry = {"Retry-After": str(math.ceil(wait))}
            raise SentriError("SERVICE_UNAVAILABLE", "Too many passwords wait to be checked.", headers=retry)
        done = self._pool.begin(lambda: _timed(work))
        self._under_way.add(done)
        done.add_done_callback(self._under_way.discard)
        waiting = asyncio.current_task()
        self._in_line.add(waiting)
        try:
            result, seconds = await self._pool.result(done)
        finally:
            self._in_line.discard(waiting)
        self._typical += _WEIGHT * (seconds - self._typical)
        return result

    def has_in_line(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task waits here at this moment."""
        return task in self._in_line

    def close(self) -> None:
        """End the threads once what they are at is done. The next use starts new ones. Safe to repeat."""
        self._pool.close()
        self._under_way = set()


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begun = perf_counter()
    return work(), perf_counter() - begun
