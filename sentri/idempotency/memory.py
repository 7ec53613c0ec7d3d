"""Keys in the memory of one process: bounded, and nobody's answers push out everybody else's."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from sentri.idempotency.record import OVERHEAD, Answer, Begun, Finished, Found, InFlight, Scope

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Running:
    fingerprint: bytes
    owner: bytes
    until: float


class _Kept(msgspec.Struct, gc=False, eq=False):
    scope: Scope
    owner: bytes
    found: Finished
    until: float
    size: int


@dataclass(slots=True)
class _Bounded:
    """Finished entries in the order in which they expire, and what they weigh together."""

    entries: OrderedDict[bytes, _Kept] = field(default_factory=OrderedDict)
    size: int = 0

    def add(self, kept: _Kept) -> None:
        self.entries[kept.scope.name] = kept
        self.size += kept.size

    def remove(self, kept: _Kept) -> None:
        del self.entries[kept.scope.name]
        self.size -= kept.size

    def oldest(self) -> _Kept:
        return next(iter(self.entries.values()))


class MemoryStore:
    """The store of one process.

    At most `max_size` finished entries of `max_bytes` together; one caller has at most a tenth of each, and their own
    oldest make room for their newest. Then those that expire first make room. What is in flight is never evicted:
    there is no more of it than the server has requests.

    Args:
        ttl: seconds that an answer is kept.
        lease: seconds after which a run that was not renewed is given up.
        clock: seconds that only ever grow.
    """

    def __init__(
        self, *, ttl: float, lease: float, max_size: int, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl = ttl
        self._lease = lease
        self._most = (max_size, max_bytes)
        self._most_of_one = (max(1, max_size // 10), max_bytes // 10)
        self._clock = clock
        self._running: OrderedDict[bytes, _Running] = OrderedDict()  # as their leases end
        self._all = _Bounded()
        self._callers: dict[bytes, _Bounded] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} entries={len(self)}>"

    def __len__(self) -> int:
        """How many keys are known, in flight or finished."""
        return len(self._running) + len(self._all.entries)

    @property
    def size(self) -> int:
        """What the finished entries weigh, in bytes."""
        return self._all.size

    async def begin(self, scope: Scope, fingerprint: bytes, owner: bytes) -> Found:
        self._expire()
        kept = self._all.entries.get(scope.name)
        if kept is not None:
            return kept.found
        running = self._running.get(scope.name)
        if running is not None and running.owner != owner:
            return InFlight(running.fingerprint)
        self._run(scope, fingerprint, owner)
        return Begun()

    async def renew(self, scope: Scope, fingerprint: bytes, owner: bytes) -> bool:
        self._expire()
        if not self._is_free_for(scope, owner):
            return False
        self._run(scope, fingerprint, owner)
        return True

    async def complete(self, scope: Scope, fingerprint: bytes, owner: bytes, answer: Answer | None) -> bool:
        self._expire()
        kept = self._all.entries.get(scope.name)
        if kept is not None and kept.owner == owner:  # told again
            return True
        if not self._is_free_for(scope, owner):
            return False
        self._running.pop(scope.name, None)
        self._keep(scope, fingerprint, owner, answer)
        return True

    async def release(self, scope: Scope, fingerprint: bytes, owner: bytes) -> None:  # noqa: ARG002 - the protocol's
        running = self._running.get(scope.name)
        if running is not None and running.owner == owner:
            del self._running[scope.name]

    async def close(self) -> None:
        """Nothing to let go of: what is known stays known."""

    def _is_free_for(self, scope: Scope, owner: bytes) -> bool:
        if scope.name in self._all.entries:
            return False
        running = self._running.get(scope.name)
        return running is None or running.owner == owner

    def _run(self, scope: Scope, fingerprint: bytes, owner: bytes) -> None:
        self._running.pop(scope.name, None)  # and to the end
        self._running[scope.name] = _Running(fingerprint, owner, self._clock() + self._lease)

    def _keep(self, scope: Scope, fingerprint: bytes, owner: bytes, answer: Answer | None) -> None:
        if answer is not None and OVERHEAD + answer.size > self._most_of_one[1]:
            answer = None
        size = OVERHEAD + (answer.size if answer else 0)
        own = self._callers.get(scope.caller) or _Bounded()
        self._make_room(own, size, self._most_of_one)
        self._make_room(self._all, size, self._most)
        # Asked again: making room in all may have taken the last of the caller's own.
        own = self._callers.setdefault(scope.caller, own)
        kept = _Kept(scope, owner, Finished(fingerprint, answer), self._clock() + self._ttl, size)
        own.add(kept)
        self._all.add(kept)

    def _make_room(self, bounded: _Bounded, size: int, most: tuple[int, int]) -> None:
        while bounded.entries and (len(bounded.entries) >= most[0] or bounded.size + size > most[1]):
            self._forget(bounded.oldest())

    def _forget(self, kept: _Kept) -> None:
        self._all.remove(kept)
        own = self._callers[kept.scope.caller]
        own.remove(kept)
        if not own.entries:
            del self._callers[kept.scope.caller]

    def _expire(self) -> None:
        now = self._clock()
        while self._all.entries and self._all.oldest().until <= now:
            self._forget(self._all.oldest())
        while self._running and (first := next(iter(self._running)), self._running[first].until <= now)[1]:
            del self._running[first]
