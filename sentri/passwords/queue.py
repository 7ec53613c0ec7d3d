"""The line in front of the threads that hash: as long as waiting in it makes sense, and no longer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, TypeVar

from sentri.errors import SentriError
from sentri.telemetry import OFF, Telemetry
from sentri.threads import Threads

__all__ = ["HashQueue", "Overloaded"]

T = TypeVar("T")
_WEIGHT: Final = 0.1
"""How much the last hash says of how long one takes."""


class Overloaded(SentriError):
    """`SERVICE_UNAVAILABLE`, for the length of the line alone."""

    def __init__(self, wait: float) -> None:
        retry = {"Retry-After": str(math.ceil(wait))}
        super().__init__("SERVICE_UNAVAILABLE", "Too many passwords wait to be checked.", headers=retry)


class HashQueue:
    """Runs work in a bounded pool of threads, and refuses it where its turn would come too late.

    How long one takes is measured as it goes, so that a machine that is slower, or shared, has a shorter line.

    Args:
        threads: how many work at the same time.
        most_wait: seconds that work may be expected to wait for its turn.
        guess: seconds that one takes, until it was measured.
        telemetry: is told how long it takes, and how long it waits.
    """

    def __init__(self, threads: int, *, most_wait: float, guess: float, telemetry: Telemetry = OFF) -> None:
        self._threads = threads
        self._most_wait = most_wait
        self._typical = guess
        self._telemetry = telemetry
        self._pool = Threads("sentri-hash", threads)
        self._under_way: set[asyncio.Future[Any]] = set()
        self._in_line: set[asyncio.Task[Any] | None] = set()

    @property
    def expected_wait(self) -> float:
        """Seconds until work that is given now would begin."""
        before = len(self._under_way) - self._threads + 1
        return max(0, before) * self._typical / self._threads

    async def run(self, work: Callable[[], T], operation: str = "hash", *, patient: bool = False) -> T:
        """What comes of it. `operation` names the work for those who measure. Whoever is cancelled leaves the line.

        Raises `SERVICE_UNAVAILABLE` with `Retry-After` where the line is too long, unless whoever asks is `patient`:
        then it joins the line once that is short enough.
        """
        while patient and self.expected_wait > self._most_wait:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        wait = self.expected_wait
        if wait > self._most_wait:
            raise Overloaded(wait)
        done = self._pool.begin(lambda: _timed(work))
        self._under_way.add(done)
        done.add_done_callback(self._under_way.discard)
        waiting = asyncio.current_task()
        self._in_line.add(waiting)
        try:
            result, seconds = await (self._measured(done, operation) if self._telemetry.on else self._pool.result(done))
        finally:
            self._in_line.discard(waiting)
        self._typical += _WEIGHT * (seconds - self._typical)
        return result

    def has_in_line(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task waits here at this moment."""
        return task in self._in_line

    async def _measured(self, done: asyncio.Future[tuple[T, float]], operation: str) -> tuple[T, float]:
        begun, about = perf_counter(), {"sentri.password.operation": operation}
        self._telemetry.add("sentri.password.queue")
        done.add_done_callback(lambda _: self._telemetry.add("sentri.password.queue", -1))
        with self._telemetry.span("sentri.password", about):
            result, seconds = await self._pool.result(done)
        self._telemetry.record("sentri.password.duration", seconds, about)
        self._telemetry.record("sentri.password.wait", max(0.0, perf_counter() - begun - seconds), about)
        return result, seconds

    def close(self) -> None:
        """End the threads once what they are at is done. The next use starts new ones. Safe to repeat."""
        self._pool.close()
        self._under_way = set()


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begun = perf_counter()
    return work(), perf_counter() - begun
