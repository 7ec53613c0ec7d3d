"""Time that stands still until a test moves it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from sentri.clock import system_clock
from sentri.config.durations import duration
from sentri.config.reading import Wrong

__all__ = ["ManualClock"]

_read = duration(least=0.0)


class ManualClock:
    """A clock for the option `clock`: it stands still at the present, on a whole second, until it is moved.

    `create_auth(…, clock=clock)` asks it for everything that expires: tokens, sessions, cached keys, idempotency keys.
    Nothing sleeps, and no other clock of the process is touched. What waits, such as a time-out, waits in real time.

    Args:
        start: where it stands: seconds since the Unix epoch, or an aware `datetime`; by default the current second.

    Raises:
        ValueError: a `datetime` without a time zone, or what is no moment.
    """

    def __init__(self, start: float | datetime | None = None) -> None:
        self._now = float(math.floor(system_clock())) if start is None else _moment(start)

    def __call__(self) -> float:
        return self._now

    def __repr__(self) -> str:
        return f"<ManualClock at {self._now!r}>"

    @property
    def now(self) -> float:
        """Where it stands: seconds since the Unix epoch."""
        return self._now

    def advance(self, by: float | str | timedelta) -> float:
        """Let time pass: seconds, a text such as `"15m"`, or a `timedelta`. Where it stands now.

        Raises `ValueError` for what is no duration, or is negative: a clock that goes back is `move_to`.
        """
        try:
            self._now += _read(by)
        except Wrong as wrong:
            raise ValueError(f"advance: the duration {wrong}") from None
        return self._now

    def move_to(self, moment: float | datetime) -> float:
        """Stand at this moment, be it earlier: as when somebody sets a machine's clock."""
        self._now = _moment(moment)
        return self._now


def _moment(value: float | datetime) -> float:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone, so nobody can say which moment that is; add tzinfo=UTC")
        return value.timestamp()
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no moment: give seconds since the Unix epoch, or an aware datetime")
    return float(value)
