"""What a store keeps of one key, and what every store promises.

free ──begin──► in flight ──complete──► finished: with the answer, or with the mark that it is done
 ▲                │   ▲ │                  │
 ├──release, ─────┘   └─┘ renew            │
 │  end of the lease                       │
 └──end of the ttl─────────────────────────┘
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

__all__ = [
    "LEASE",
    "OVERHEAD",
    "Answer",
    "Begun",
    "Finished",
    "Found",
    "InFlight",
    "Scope",
    "Store",
    "StoreUnavailable",
]

LEASE: Final = 10.0
"""Seconds for which a store holds a key in flight that nobody renews: those of a process that died are free then."""

OVERHEAD: Final = 512
"""Bytes that a finished entry counts beside its headers and body."""


class StoreUnavailable(Exception):
    """The store gave no answer, or one that makes no sense. Whether it did what it was asked is not known."""


class _Record(msgspec.Struct, frozen=True, gc=False):
    """Many are kept for minutes, and none refers to itself: the garbage collector need not look at them each time."""


class Scope(_Record, frozen=True):
    """Whose key it is and where it counts, as digests: stores never see a key, a path or a caller.

    Attributes:
        name: 32 bytes, of the caller, the method, the path and the key.
        caller: of the caller alone, so that one of them does not take the place of all others.
    """

    name: bytes
    caller: bytes


class Answer(_Record, frozen=True):
    """A response, as it is given again."""

    status: int
    reason: str | None
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    compressed: bool = False

    def __repr__(self) -> str:
        """Not what it says: the log is no place for it."""
        return f"<{type(self).__name__} {self.status}>"

    @property
    def size(self) -> int:
        """How many bytes it counts."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return headers + len(self.body or b"")


class Begun(_Record, frozen=True):
    """The key was free and is now the asker's, until the lease ends."""


class InFlight(_Record, frozen=True):
    """Somebody runs it at this moment.

    Attributes:
        fingerprint: of the body that they were sent.
    """

    fingerprint: bytes


class Finished(_Record, frozen=True):
    """It has run.

    Attributes:
        fingerprint: of the body that was sent.
        answer: what was answered; None where it is only known that it is done.
    """

    fingerprint: bytes
    answer: Answer | None


Found = Begun | InFlight | Finished


class Store(Protocol):
    """Keeps what is known of keys. Each operation is one atomic step, however many processes ask.

    An `owner` is 16 random bytes that name one run. Every operation may be repeated with the same arguments: whoever
    did not hear the answer asks again. All raise `StoreUnavailable`, in bounded time, when they cannot tell. What is in
    flight is held for `LEASE` seconds, unless it is renewed. How long an answer is kept (`ttl`), the store knows.
    `sentri_testing.contracts.IdempotencyStoreContract` tests what is promised here.
    """

    async def begin(self, scope: Scope, fingerprint: bytes, owner: bytes) -> Found:
        """Take the key if it is free (or the owner's own already); else what is known of it."""
        ...

    async def renew(self, scope: Scope, fingerprint: bytes, owner: bytes) -> bool:
        """Begin the lease anew; take the key again if it is free. False where it is somebody else's, or finished."""
        ...

    async def complete(self, scope: Scope, fingerprint: bytes, owner: bytes, answer: Answer | None) -> bool:
        """Keep the answer (None: the mark that it is done) for `ttl`, if the key is the owner's or free.

        An answer that is too large for the store becomes the mark. False where the key is somebody else's.
        """
        ...

    async def release(self, scope: Scope, fingerprint: bytes, owner: bytes) -> None:
        """Free the key, if it is in flight and the owner's."""
        ...

    async def close(self) -> None:
        """Let go of connections. The next operation opens them again."""
        ...
