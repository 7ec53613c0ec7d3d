"""Attempts in the memory of one process."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sentri.clock import Clock
from sentri.limits.record import Limit, Refused

__all__ = ["MemoryAttempts"]

_MOST_NAMES: Final = 50_000


@dataclass(slots=True)
class _Counted:
    """The attempts of one name and when they were made, the oldest first."""

    until: float = 0.0
    made: dict[bytes, float] = field(default_factory=dict)


_Names = OrderedDict[bytes, _Counted]
"""Names of one kind, as they were tried."""


class MemoryAttempts:
    """The store of one process. Implements `Attempts`.

    Where it is full, the name that was tried least recently makes room, for names of its kind alone: to try a wrong API
    key or a name that is taken costs nothing, to try an identifier costs a hash.

    Args:
        clock: the source of time.
        most_names: how many names of one kind are known at most.
    """

    def __init__(self, clock: Clock, *, most_names: int = _MOST_NAMES) -> None:
        self._clock = clock
        self._most_names = most_names
        self._kinds: defaultdict[str, _Names] = defaultdict(OrderedDict)

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    async def count(self, attempt: bytes, limits: Sequence[Limit]) -> Refused | None:
        now = self._clock()
        waits = {limit: wait for limit in limits if (wait := self._wait(limit, now)) > 0}
        if waits:
            return Refused(max(waits.values()), frozenset(waits))
        for limit in limits:
            names = self._kinds[limit.kind]
            counted = names.setdefault(limit.name, _Counted())
            counted.made[attempt] = now
            counted.until = max(counted.until, now + limit.span)
            names.move_to_end(limit.name)
        for names in self._kinds.values():
            self._make_room(names, now)
        return None

    async def give_back(self, attempt: bytes, limits: Collection[Limit]) -> None:
        for limit in limits:
            names = self._kinds[limit.kind]
            counted = names.get(limit.name)
            if counted is not None:
                counted.made.pop(attempt, None)
                if not counted.made:
                    del names[limit.name]

    async def reset(self, limits: Collection[Limit]) -> None:
        for limit in limits:
            self._kinds[limit.kind].pop(limit.name, None)

    async def close(self) -> None:
        """There is nothing to let go of: attempts count until their time has passed."""

    def _wait(self, limit: Limit, now: float) -> float:
        counted = self._kinds[limit.kind].get(limit.name)
        if counted is None:
            return 0.0
        # An attempt of the future is one from before the clock was set back: it counts no longer than any.
        counted.made = {attempt: made for attempt, made in counted.made.items() if 0 <= now - made < limit.span}
        if len(counted.made) < limit.most:
            return 0.0
        return list(counted.made.values())[-limit.most] + limit.span - now

    def _make_room(self, names: _Names, now: float) -> None:
        while names:
            counted = next(iter(names.values()))
            if counted.until > now and len(names) <= self._most_names:
                return
            names.popitem(last=False)
