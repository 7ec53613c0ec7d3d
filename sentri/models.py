"""The tables of sentri, as Tortoise models.

Aerich compares them with the last migration files; a host may list `"sentri.models"` in its own Tortoise
configuration, under any app label, to query them or to point foreign keys at them. sentri itself reads and
writes its tables with plain SQL (`sentri.storage`) and needs no Tortoise context.

Read them freely, write through `auth.accounts`: rules such as "no session of an old password survives" live there.
"""
# ruff: noqa: N801 - Tortoise looks a dialect's column type up in a class named `_db_<dialect>`

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tortoise import fields
from tortoise.fields.base import Field
from tortoise.models import Model

__all__ = ["KnownAddress", "Session", "SigningKey", "User"]


class UtcDatetime(Field[datetime], datetime):
    """An instant, aware and in UTC on both sides, whatever the host set `use_tz` and `timezone` to.

    Tortoise's own `DatetimeField` reads and writes local or naive times where the host's settings say so.
    """

    SQL_TYPE = "TIMESTAMP"

    class _db_mysql:
        SQL_TYPE = "DATETIME(6)"

    class _db_postgres:
        SQL_TYPE = "TIMESTAMPTZ"

    def to_db_value(self, value: datetime | None, instance: Any) -> datetime | None:  # noqa: ARG002 - Tortoise's signature
        return None if value is None else value.astimezone(UTC)

    def to_python_value(self, value: Any) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ExactText(fields.CharField[str]):
    """Text that compares by bytes on every database: no two spellings are equal, trailing spaces count.

    PostgreSQL and SQLite do so by themselves. Every collation that MySQL and MariaDB share pads with spaces,
    so there the column holds the UTF-8 bytes: at most four a character, within InnoDB's 3072 bytes an index.
    """

    class _db_mysql:
        def __init__(self, field: fields.CharField[str]) -> None:
            self.field = field

        @property
        def SQL_TYPE(self) -> str:  # noqa: N802 - the name that Tortoise looks up
            return f"VARBINARY({self.field.max_length * 4})"

    def to_python_value(self, value: Any) -> str | None:
        return value.decode() if isinstance(value, bytes) else value


class CaseSensitiveText(fields.CharField[str]):
    """ASCII text, such as a hash or a token's id, that differs by case; MySQL would take `A` for `a`."""

    class _db_mysql:
        def __init__(self, field: fields.CharField[str]) -> None:
            self.field = field

        @property
        def SQL_TYPE(self) -> str:  # noqa: N802 - the name that Tortoise looks up
            return f"VARCHAR({self.field.max_length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


class User(Model):
    """Somebody who can log in.

    On PostgreSQL the migrations make an index more, `sentri_users_by_key`: it has the keys in the order of their bytes,
    as those of the other databases have them anyway.
    """

    id = fields.UUIDField(primary_key=True)
    identifier = fields.CharField(max_length=255)
    identifier_key = ExactText(max_length=255, unique=True)
    password_hash = CaseSensitiveText(max_length=255)
    roles: fields.Field[list[str]] = fields.JSONField()
    created_at = UtcDatetime()
    disabled_at = UtcDatetime(null=True)

    sessions: fields.ReverseRelation[Session]
    known_addresses: fields.ReverseRelation[KnownAddress]

    class Meta:
        table = "sentri_users"


class Session(Model):
    """One login. Its refresh tokens follow one another: `jti` is good, `previous_jti` was its predecessor.

    `device` and `address` are what the login's request said of itself.
    """

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(User, related_name="sessions", db_index=True)
    created_at = UtcDatetime()
    expires_at = UtcDatetime(db_index=True)
    jti = CaseSensitiveText(max_length=32)
    previous_jti = CaseSensitiveText(max_length=32, null=True)
    rotated_at = UtcDatetime()
    device = fields.CharField(max_length=255, null=True)
    address = CaseSensitiveText(max_length=45, null=True)

    class Meta:
        table = "sentri_sessions"


class SigningKey(Model):
    """A key that signs tokens. Its private part is encrypted (JWE), and gone once nobody needs it."""

    kid = CaseSensitiveText(max_length=64, primary_key=True)
    purpose = CaseSensitiveText(max_length=16)
    generation = fields.IntField()
    algorithm = CaseSensitiveText(max_length=16)
    public_key: fields.Field[dict[str, Any]] = fields.JSONField(null=True)
    private_key = CaseSensitiveText(max_length=8192, null=True)
    created_at = UtcDatetime()
    signs_at = UtcDatetime()
    retired_at = UtcDatetime(null=True)
    token_lifetime = fields.FloatField()

    class Meta:
        table = "sentri_keys"
        unique_together = (("purpose", "generation"),)


class KnownAddress(Model):
    """Where a user has logged in from: a keyed digest of the user and the address, which says nothing of either."""

    digest = CaseSensitiveText(max_length=36, primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(User, related_name="known_addresses", db_index=True)
    seen_at = UtcDatetime()

    class Meta:
        table = "sentri_known_addresses"
