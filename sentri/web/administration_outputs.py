"""What the administration answers with, as types: the `data` of the envelope. Instants are RFC 3339, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from sentri.accounts.administration.records import ImportReport, Page, RowError, SessionInfo, UserInfo
from sentri.web.inputs import Id
from sentri.web.outputs import Output

__all__ = [
    "AdministeredUser",
    "AdministeredUserChanged",
    "AdministeredUsers",
    "Imported",
    "OwnSession",
    "OwnSessions",
    "RefusedRow",
    "Revoked",
    "Session",
    "SessionShown",
    "Sessions",
    "in_camel_case",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AdministeredUser(Output, frozen=True):
    """A user, for those who administer them."""

    id: Id
    identifier: str
    roles: list[str]
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, user: UserInfo) -> Self:
        disabled_at = None if user.disabled_at is None else _instant(user.disabled_at)
        return cls(user.id, user.identifier, list(user.roles), _instant(user.created_at), disabled_at)


class AdministeredUserChanged(Output, frozen=True):
    """The user whom the request was about."""

    user: AdministeredUser


class AdministeredUsers(Output, frozen=True):
    """A page of users. `nextCursor` is null on the last one."""

    users: list[AdministeredUser]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[UserInfo]) -> Self:
        return cls([AdministeredUser.of(user) for user in page.items], page.next_cursor)


class LoggedInThere(Output, frozen=True):
    """What is known of a session. `device` and `address` are what its login said, where it is known and kept."""

    id: Id
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    device: str | None
    address: str | None


class Session(LoggedInThere, frozen=True, kw_only=True):
    """A session, for admins."""

    user_id: Id

    @classmethod
    def of(cls, session: SessionInfo) -> Self:
        return cls(**_known(session), user_id=session.user_id)


class SessionShown(Output, frozen=True):
    """The session that the request was about."""

    session: Session


class Sessions(Output, frozen=True):
    """A page of sessions. `nextCursor` is null on the last one."""

    sessions: list[Session]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[SessionInfo]) -> Self:
        return cls([Session.of(session) for session in page.items], page.next_cursor)


class OwnSession(LoggedInThere, frozen=True, kw_only=True):
    """A session of the caller's. `current` is the one that the request came with."""

    current: bool

    @classmethod
    def of(cls, session: SessionInfo, *, current: bool) -> Self:
        return cls(**_known(session), current=current)


class OwnSessions(Output, frozen=True):
    """A page of the caller's sessions. `nextCursor` is null on the last one."""

    sessions: list[OwnSession]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[SessionInfo], current: str | None) -> Self:
        sessions = [OwnSession.of(session, current=session.id == current) for session in page.items]
        return cls(sessions, page.next_cursor)


class Revoked(Output, frozen=True):
    """How many sessions were ended."""

    revoked: int


class RefusedRow(Output, frozen=True):
    """Why a row was not imported; the first one is 1."""

    row: int
    field: str
    code: str
    message: str

    @classmethod
    def of(cls, error: RowError) -> Self:
        return cls(error.row, in_camel_case(error.field), error.code, error.message)


class Imported(Output, frozen=True):
    """What became of the rows of an import."""

    created: int
    skipped: int
    failed: list[RefusedRow]

    @classmethod
    def of(cls, report: ImportReport) -> Self:
        return cls(report.created, report.skipped, [RefusedRow.of(error) for error in report.failed])


def in_camel_case(field: str) -> str:
    """A field's name, as it is written in JSON."""
    first, *others = field.split("_")
    return first + "".join(word.title() for word in others)


def _known(session: SessionInfo) -> dict[str, Any]:
    """The fields of `LoggedInThere`."""
    return {
        "id": session.id,
        "created_at": _instant(session.created_at),
        "last_seen_at": _instant(session.last_seen_at),
        "expires_at": _instant(session.expires_at),
        "device": session.device,
        "address": session.address,
    }


def _instant(seconds: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
