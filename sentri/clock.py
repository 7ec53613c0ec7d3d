"""The one source of time. Everything that expires asks a `Clock`, so that a test can hold it still or move it."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "system_clock"]


class Clock(Protocol):
    """Answers with the seconds since the Unix epoch, in whole microseconds (what every database keeps)."""

    def __call__(self) -> float: ...


def system_clock() -> float:
    """The machine's clock."""
    return time.time_ns() // 1000 / 1_000_000
