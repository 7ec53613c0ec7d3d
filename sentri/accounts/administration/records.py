"""What administration answers with. Frozen; none of it holds a hash or a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.errors import SentriError

__all__ = [
    "ImportRefused",
    "ImportReport",
    "Page",
    "RowError",
    "SessionInfo",
    "UserInfo",
    "session_info",
    "user_info",
    "user_not_found",
]

T = TypeVar("T")
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user, for those who administer them. Instants are seconds since the Unix epoch.

    Attributes:
        id: their UUID in canonical form.
        identifier: what they log in with, as it was written.
        roles: in the order they were given.
        created_at: when they were made.
        disabled_at: since when they can't log in; None where they can.
    """

    id: str
    identifier: str
    roles: tuple[str, ...]
    created_at: float
    disabled_at: float | None = None


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session, for its user and for admins. Instants are seconds since the Unix epoch.

    Attributes:
        id: its UUID, the `sid` of its tokens. It is no secret: nobody gets in with it.
        user_id: whose it is.
        created_at: when the user logged in.
        last_seen_at: when its refresh token was last rotated.
        expires_at: when it ends, unless it is refreshed.
        device: the `User-Agent` of the login, which may say anything; None where it is not known, or not kept.
        address: the IP address of the login; None as above.
    """

    id: str
    user_id: str
    created_at: float
    last_seen_at: float
    expires_at: float
    device: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        items: what is on it. A page may hold fewer than asked for, or none, and others follow all the same.
        next_cursor: where the next page begins; None where there is none.
    """

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was not imported. It shows nothing of what the row says.

    Attributes:
        row: its number, from 1.
        field: which field is wrong; `"row"` where it is not one alone.
        code: a code of `SENTRI_ERROR_STATUS`.
        message: one sentence.
    """

    row: int
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of an import.

    Attributes:
        created: how many users were made.
        skipped: how many rows name a user who was there already; with `existing="skip"` alone.
        failed: the others, in their order.
    """

    created: int
    skipped: int = 0
    failed: tuple[RowError, ...] = ()


class ImportRefused(SentriError):
    """An import that was to happen as a whole, and did not: nobody was made. Code `IMPORT_REFUSED`.

    Attributes:
        failed: every row that is in the way, in order.
    """

    def __init__(self, failed: Sequence[RowError]) -> None:
        self.failed = tuple(failed)
        rows = [f"row {each.row}: {each.field}: {each.message}" for each in self.failed[:_SHOWN]]
        more = len(self.failed) - len(rows)
        also = [f"and {more} more."] if more else []
        super().__init__("IMPORT_REFUSED", " ".join(["Nothing was imported.", *rows, *also]))


def user_info(user: UserRecord) -> UserInfo:
    return UserInfo(user.id, user.identifier, user.roles, user.created_at, user.disabled_at)


def session_info(session: SessionRecord) -> SessionInfo:
    return SessionInfo(
        session.id,
        session.user_id,
        session.created_at,
        session.rotated_at,
        session.expires_at,
        session.device,
        session.address,
    )


def user_not_found() -> SentriError:
    return SentriError("USER_NOT_FOUND", "There is no such user.")
