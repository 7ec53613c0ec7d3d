"""A row of an import: read from what somebody gave, into a user who may be added."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sentri.accounts.administration.records import RowError
from sentri.accounts.context import Context
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.inputs import check_id, clean_roles, identifier_to_set, password_to_set
from sentri.accounts.stores import UserRecord
from sentri.errors import SentriError
from sentri.randomness import new_id

__all__ = ["Row", "read_row"]

_FIELDS: Final = ("identifier", "password", "password_hash", "roles", "disabled", "id", "created_at")
_FIELD_FIRST: Final = re.compile(rf"({'|'.join(_FIELDS)}|row): (.+)", re.DOTALL)
_AHEAD: Final = 60.0
"""Seconds that somebody else's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be imported.

    Attributes:
        number: from 1.
        user: who is to be added; without a hash where there is a password.
        password: to be hashed; None where a hash was given.
    """

    number: int
    user: UserRecord
    password: str | None = field(repr=False)


async def read_row(context: Context, number: int, given: object) -> Row | RowError:
    """The row, or why it is none."""
    try:
        return await _read(context, number, given)
    except SentriError as error:
        found = _FIELD_FIRST.fullmatch(error.message)
        where, words = (found[1], found[2]) if found else ("row", error.message)
        return RowError(number, where, error.code, words)


async def _read(context: Context, number: int, given: object) -> Row:
    if not isinstance(given, Mapping):
        raise _wrong("row", "must be a mapping of field names to values")
    if not set(given) <= set(_FIELDS):
        raise _wrong("row", f"has a field that is none of {', '.join(_FIELDS)}")
    now = context.clock()
    identifier = await identifier_to_set(context, given.get("identifier"))
    disabled = given.get("disabled", False)
    if not isinstance(disabled, bool):
        raise _wrong("disabled", "must be True or False")
    hashed, password = await _secret(context, given.get("password_hash"), given.get("password"))
    user = UserRecord(
        id=new_id() if given.get("id") is None else check_id(given["id"], "id"),
        identifier=identifier,
        identifier_key=identifier_key(identifier),
        password_hash=hashed,
        roles=clean_roles(context, () if given.get("roles") is None else given["roles"]),
        created_at=now if given.get("created_at") is None else _instant(given["created_at"], now),
        disabled_at=now if disabled else None,
    )
    return Row(number, user, password)


async def _secret(context: Context, hashed: object, password: object) -> tuple[str, str | None]:
    """The hash, which is empty where there is a password."""
    if (hashed is None) is (password is None):
        raise _wrong("password", "give either a password or the hash of one")
    if password is not None:
        return "", await password_to_set(context, password)
    if not isinstance(hashed, str) or not context.hasher.can_check(hashed):
        raise _wrong(
            "password_hash", "must be a hash of bcrypt ($2a$, $2b$, $2y$) or Argon2id, at a cost that is borne"
        )
    return hashed, None


def _instant(value: Any, now: float) -> float:
    """Seconds since the epoch."""
    if isinstance(value, datetime) and value.utcoffset() is not None:
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong("created_at", "must be seconds since the Unix epoch, or a datetime with a time zone")
    if not 0 <= value <= now + _AHEAD:  # NaN does not, nor does a number that no float holds
        raise _wrong("created_at", "must lie between 1970 and now")
    return float(value)


def _wrong(where: str, why: str) -> SentriError:
    return SentriError("VALIDATION_ERROR", f"{where}: {why}.")
