"""The one source of time. Everything that expires asks a `Clock`, so that a test can hold it still or move it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "rough", "system_clock", "timer_of"]


class Clock(Protocol):
    """Answers with the seconds since the Unix epoch, in whole microseconds (what every database keeps)."""

    def __call__(self) -> float: ...


def system_clock() -> float:
    """The machine's clock."""
    return time.time_ns() // 1000 / 1_000_000


def rough(clock: Clock) -> Callable[[], float]:
    """The same time, where its last microsecond does not matter: half as dear, for what every request asks."""
    return time.time if clock is system_clock else clock


def timer_of(clock: Clock) -> Callable[[], float]:
    """What measures how long something lasts, in seconds: beside the machine's clock, which may be set, the steady one;
    a clock that somebody gave measures that too, so that a test moves everything at once.
    """
    return time.monotonic if clock is system_clock else clock
