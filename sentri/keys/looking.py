"""When somebody looked at the table, and how often a stranger may make a process look."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import NamedTuple

__all__ = ["NEVER", "Budget", "Instant"]


class Instant(NamedTuple):
    """A moment by two clocks: the steady one stands still while a machine sleeps, and the other one may be set."""

    steady: float
    wall: float

    @classmethod
    def now(cls, wall: float) -> Instant:
        """This moment, which is `wall` by the clock on the wall."""
        return cls(time.monotonic(), wall)

    def was_within(self, seconds: float, now: Instant) -> bool:
        """Whether it was no longer ago than that, by both clocks."""
        return now.steady - self.steady < seconds and 0 <= now.wall - self.wall < seconds


NEVER = Instant(-math.inf, -math.inf)


class Budget:
    """So many times in so many seconds, and no more."""

    def __init__(self, times: int, *, within: float) -> None:
        self._within = within
        self._spent: deque[float] = deque([-math.inf] * times, maxlen=times)

    def spend(self) -> bool:
        """Take one; False where none is left."""
        now = time.monotonic()
        if now - self._spent[0] < self._within:
            return False
        self._spent.append(now)
        return True
