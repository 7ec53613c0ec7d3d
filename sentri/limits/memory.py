"""Attempts in the memory of one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sentri.clock import Clock
from sentri.limits.record import Limit, Refused

__all__ = ["MemoryAttempts"]

_MOST_NAMES: Final = 100_000


@dataclass(slots=True)
class _Counted:
    """The attempts of one name and when they were made, the oldest first."""

    until: float = 0.0
    made: dict[bytes, float] = field(default_factory=dict)


class MemoryAttempts:
    """The store of one process. Implements `Attempts`.

    Where it is full, the name that was tried least recently makes room: every one that is counted had a password
    checked or something made, so filling it takes longer than attempts count.

    Args:
        clock: the source of time.
        most_names: how many names are known at most.
    """

    def __init__(self, clock: Clock, *, most_names: int = _MOST_NAMES) -> None:
        self._clock = clock
        self._most_names = most_names
        self._names: OrderedDict[bytes, _Counted] = OrderedDict()  # as they were tried

    def __len__(self) -> int:
        return len(self._names)

    async def count(self, attempt: bytes, limits: Sequence[Limit]) -> Refused | None:
        now = self._clock()
        waits = {limit: wait for limit in limits if (wait := self._wait(limit, now)) > 0}
        if waits:
            return Refused(max(waits.values()), frozenset(waits))
        for limit in limits:
            counted = self._names.setdefault(limit.name, _Counted())
            counted.made[attempt] = now
            counted.until = max(counted.until, now + limit.span)
            self._names.move_to_end(limit.name)
        self._make_room(now)
        return None

    async def give_back(self, attempt: bytes, limits: Collection[Limit]) -> None:
        for limit in limits:
            counted = self._names.get(limit.name)
            if counted is not None:
                counted.made.pop(attempt, None)
                if not counted.made:
                    del self._names[limit.name]

    async def reset(self, limits: Collection[Limit]) -> None:
        for limit in limits:
            self._names.pop(limit.name, None)

    async def close(self) -> None:
        """There is nothing to let go of: attempts count until their time has passed."""

    def _wait(self, limit: Limit, now: float) -> float:
        counted = self._names.get(limit.name)
        if counted is None:
            return 0.0
        # An attempt of the future is one from before the clock was set back: it counts no longer than any.
        counted.made = {attempt: made for attempt, made in counted.made.items() if 0 <= now - made < limit.span}
        if len(counted.made) < limit.most:
            return 0.0
        return list(counted.made.values())[-limit.most] + limit.span - now

    def _make_room(self, now: float) -> None:
        while self._names:
            counted = next(iter(self._names.values()))
            if counted.until > now and len(self._names) <= self._most_names:
                return
            self._names.popitem(last=False)
