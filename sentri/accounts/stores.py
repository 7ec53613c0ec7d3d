"""What the flows ask of storage. Times are seconds since the Unix epoch (`Clock`); ids are canonical UUID strings.

Every method is one decision that holds in any number of processes. A database that does not answer raises
`SentriError` with code `SERVICE_UNAVAILABLE`; a caller that is cancelled leaks neither a connection nor a lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

__all__ = [
    "ActiveSession",
    "Change",
    "KnownAddressStore",
    "SessionRecord",
    "SessionStore",
    "Started",
    "UserFilter",
    "UserRecord",
    "UserStore",
]


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A row of `sentri_users`."""

    id: str
    identifier: str
    identifier_key: str
    password_hash: str = field(repr=False)
    roles: tuple[str, ...]
    created_at: float
    disabled_at: float | None = None


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users are looked for: those for which all of it holds.

    Attributes:
        prefix: what their identifier key begins with.
        part: what it has in it.
        role: one that they have.
        disabled: whether they are; None for both.
    """

    prefix: str = ""
    part: str = ""
    role: str | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A row of `sentri_sessions`: one login, and where the chain of its refresh tokens stands.

    Attributes:
        expires_at: when the current refresh token and with it the session ends.
        jti: of the refresh token that is good now.
        previous_jti: of its direct predecessor; None before the first rotation.
        rotated_at: when `jti` was issued.
        device: the `User-Agent` of the login, cleaned; None where it is not known, or not kept.
        address: where the login came from; None as above.
    """

    id: str
    user_id: str
    created_at: float
    expires_at: float
    jti: str
    previous_jti: str | None
    rotated_at: float
    device: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """What a protected request needs of a living session: whose it is, and who that is now."""

    user_id: str
    identifier: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """A session was inserted.

    Attributes:
        evicted: the ids of those that had to make room.
    """

    evicted: tuple[str, ...] = ()


class Change(Enum):
    """How a conditional write ended."""

    DONE = "done"
    TAKEN = "taken"
    MISSING = "missing"


class UserStore(Protocol):
    async def add(self, user: UserRecord) -> bool:
        """Insert the user; False when the identifier key is taken, decided by the unique index."""
        ...

    async def by_id(self, user_id: str) -> UserRecord | None: ...

    async def by_key(self, identifier_key: str) -> UserRecord | None: ...

    async def renew_hash(self, user_id: str, *, verified: str, renewed: str) -> bool:
        """Write `renewed` only over the very hash that was verified; False when it has changed meanwhile."""
        ...

    async def change_password(self, user_id: str, *, verified: str, renewed: str) -> bool:
        """Write `renewed` over `verified` and end every session of the user, in one transaction.

        False, and nothing changed, when the stored hash is no longer `verified`.
        """
        ...

    async def change_identifier(self, user_id: str, *, identifier: str, identifier_key: str) -> Change:
        """Change both columns. TAKEN when another user has the key; MISSING when there is no such user."""
        ...

    async def change_roles(
        self, user_id: str, decide: Callable[[tuple[str, ...]], tuple[str, ...]]
    ) -> UserRecord | None:
        """Replace the user's roles by `decide(current roles)` under a row lock, so that no two changes are lost.

        The user as they are afterwards; None when there is no such user.
        """
        ...

    async def add_all(self, users: Sequence[UserRecord]) -> Mapping[int, str]:
        """Insert all of them in one transaction, or none: nothing, or the positions of those that are in the way, each
        with `"identifier"` or `"id"`, whichever somebody has. Among those given no id and no key comes twice.
        """
        ...

    async def in_the_way(self, users: Sequence[UserRecord]) -> Mapping[int, str]:
        """What `add_all` would answer with now; nothing is inserted."""
        ...

    async def page(
        self, wanted: UserFilter, *, after: str | None, most: int
    ) -> tuple[Sequence[UserRecord], str | None]:
        """The next users in the order of their identifier keys' bytes, at most so many, and the key to go on `after`:
        None where there are no more.

        One call looks at a bounded number of users: where few are wanted it may come back with less than `most`, or
        with none, before all were seen.
        """
        ...

    async def replace_password(self, user_id: str, *, renewed: str) -> bool:
        """Write `renewed` over whatever hash there is and end every session of the user, in one transaction.

        False when there is no such user.
        """
        ...

    async def set_disabled(self, user_id: str, *, at: float | None) -> UserRecord | None:
        """Disable the user and end every session of theirs, in one transaction; with None, enable them.

        One who is disabled already stays so since then. The user as they were before; None when there is none.
        """
        ...

    async def delete(self, user_id: str) -> UserRecord | None:
        """Delete the user with their sessions and known addresses, in one transaction.

        The user as they were; None when there is no such user. Raises `USER_IN_USE`, and nothing has changed, where a
        row of the host's points at them.
        """
        ...


class SessionStore(Protocol):
    async def find_active(self, session_id: str) -> ActiveSession | None:
        """The session, if at this moment it exists, is unexpired and its user is enabled. The hot path.

        Look-ups that wait at the same time travel in one query; an answer is never older than the call.
        """
        ...

    async def read(self, session_id: str) -> tuple[SessionRecord, UserRecord] | None:
        """The session with its user, expired or disabled too."""
        ...

    async def start(
        self, session: SessionRecord, *, verified_hash: str | None, most: int | None = None
    ) -> Started | None:
        """Insert the session only if, in the same statement, its user exists, is enabled and, where
        `verified_hash` is given, still has that very hash. The user's row is locked against a password change
        that runs at the same time: whichever commits first, no session of an old password survives.

        With `most` the user has at most so many afterwards, however many start at once: those go that were refreshed
        least recently. None where nothing was inserted.
        """
        ...

    async def rotate(self, session_id: str, *, presented: str, successor: str, now: float, expires_at: float) -> bool:
        """Make `successor` the good jti and `presented` its predecessor, only if `presented` is good now, the
        session is unexpired at `now` and its user is enabled. One conditional UPDATE.
        """
        ...

    async def end(self, session_id: str, *, of: str | None = None) -> bool:
        """Delete the session, with `of` only if it is that user's; True when this call deleted it."""
        ...

    async def end_all(self, user_id: str) -> int:
        """Delete every session of the user; how many there were."""
        ...

    async def page(
        self, user_id: str, *, now: float, after: tuple[float, str] | None, most: int
    ) -> Sequence[SessionRecord]:
        """The user's sessions that are unexpired at `now`, the latest login first, at most so many.

        `after`: `created_at` and id of the last one that was seen.
        """
        ...

    async def describe(self, session_id: str, *, device: str | None, address: str | None) -> bool:
        """Write down where a session comes from that says nothing of it yet; False where there is none."""
        ...

    async def purge(self, *, before: float, most: int) -> int:
        """Delete at most so many sessions that had expired by then, the oldest first; how many there were.

        A session that is refreshed meanwhile stays. Nothing waits for it, and it waits for nothing: of any number that
        purge at once each deletes its own.
        """
        ...


class KnownAddressStore(Protocol):
    """From where users have logged in, as digests: of the address and the user, so that they say nothing of either."""

    async def remember(self, user_id: str, digests: Sequence[bytes], *, now: float) -> None:
        """The user logged in from there. The first digest is kept, unless one of the others is already."""
        ...

    async def knows(self, user_id: str, digests: Sequence[bytes], *, now: float) -> bool:
        """Whether one of the digests is among the user's last ten, and not older than 90 days."""
        ...

    async def purge(self, *, after: str, now: float, most: int) -> tuple[int, str | None]:
        """Look at so many addresses that follow `after`, in order of their hexadecimal digests, and delete those that
        were last seen 90 days ago: how many there were, and after which one to go on; None at the end.
        """
        ...
