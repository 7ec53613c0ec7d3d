"""What can go wrong with a server while it runs: it is slow, fails, answers nonsense, or points elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

__all__ = ["Faults"]

Answer = Callable[[], web.StreamResponse]


@dataclass(slots=True)
class _Fault:
    """One that is switched on.

    Attributes:
        answer: what is answered in place of the endpoint; None where only time is lost.
        seconds: how long that takes.
        path: for this path alone; None for every one.
        times: how often still; None for as long as it is on.
    """

    answer: Answer | None
    seconds: float
    path: str | None
    times: int | None


class Faults:
    """The faults of one server, the latest first."""

    def __init__(self) -> None:
        self._on: list[_Fault] = []
        self._over = asyncio.Event()

    def add(self, answer: Answer | None, *, seconds: float = 0.0, path: str | None, times: int | None) -> None:
        """Switch one on. Raises `ValueError` for less than one time, and for what is no delay."""
        if times is not None and (isinstance(times, bool) or times < 1):
            raise ValueError(f"times is {times!r}; it must be at least 1, or None for as long as it is not taken back")
        if not seconds >= 0:
            raise ValueError(f"seconds is {seconds!r}; a delay is 0 or more")
        self._on.insert(0, _Fault(answer, seconds, path, times))

    def clear(self) -> None:
        """Switch all off; who is being kept waiting goes on at once."""
        self._on.clear()
        self._over.set()
        self._over = asyncio.Event()

    async def strike(self, path: str) -> web.StreamResponse | None:
        """Let a request to the path suffer what is on: the answer that it gets, or None where the endpoint answers."""
        struck = self._taken(path)
        seconds = sum(fault.seconds for fault in struck)
        if seconds:
            await _either(self._over, seconds)
        return next((fault.answer() for fault in struck if fault.answer is not None), None)

    def _taken(self, path: str) -> list[_Fault]:
        struck: list[_Fault] = []
        for fault in list(self._on):
            answered = any(each.answer is not None for each in struck)
            if fault.path not in (None, path) or (answered and fault.answer is not None):
                continue
            struck.append(fault)
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self._on.remove(fault)
        return struck


async def _either(over: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        pass
