"""Rows of `sentri_users` and `sentri_sessions` as the records that flows know, and the columns they are made of."""

from __future__ import annotations

from typing import Any, Final

from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.storage.drivers import Row
from sentri.storage.values import Values

__all__ = ["INSERT_USERS", "SESSION_COLUMNS", "USER_COLUMNS", "USER_PLACES", "session_of", "user_of", "user_row"]

USER_COLUMNS: Final = "u.id, u.identifier, u.identifier_key, u.password_hash, u.roles, u.created_at, u.disabled_at"
INSERT_USERS: Final = (
    "INSERT INTO sentri_users (id, identifier, identifier_key, password_hash, roles, created_at, disabled_at) VALUES "
)
USER_PLACES: Final = "(?, ?, ?, ?, ?, ?, ?)"
SESSION_COLUMNS: Final = (
    "s.id AS session_id, s.created_at AS started_at, s.expires_at, s.jti, s.previous_jti, s.rotated_at,"
    " s.device, s.address"
)


def user_row(user: UserRecord, values: Values) -> tuple[Any, ...]:
    """The user as `INSERT_USERS` wants them."""
    return (
        user.id,
        user.identifier,
        values.key(user.identifier_key),
        user.password_hash,
        values.roles(user.roles),
        values.time(user.created_at),
        values.optional_time(user.disabled_at),
    )


def user_of(row: Row, values: Values) -> UserRecord:
    """The user in a row of `USER_COLUMNS`."""
    return UserRecord(
        id=str(row["id"]),
        identifier=row["identifier"],
        identifier_key=values.read_key(row["identifier_key"]),
        password_hash=row["password_hash"],
        roles=values.read_roles(row["roles"]),
        created_at=values.seconds(row["created_at"]),
        disabled_at=values.optional_seconds(row["disabled_at"]),
    )


def session_of(row: Row, values: Values) -> SessionRecord:
    """The session in a row of `SESSION_COLUMNS` and `USER_COLUMNS`."""
    return SessionRecord(
        id=str(row["session_id"]),
        user_id=str(row["id"]),
        created_at=values.seconds(row["started_at"]),
        expires_at=values.seconds(row["expires_at"]),
        jti=row["jti"],
        previous_jti=row["previous_jti"],
        rotated_at=values.seconds(row["rotated_at"]),
        device=row["device"],
        address=row["address"],
    )
