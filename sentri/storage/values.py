"""How values look in a column: one converter a dialect, exact both ways, to the microsecond and to the byte.

Ids are canonical UUID strings on the way in everywhere: asyncpg, too, takes them as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = ["MysqlValues", "PostgresValues", "SqliteValues", "Values", "is_id"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    """Whether the text is a canonical UUID. Others name no row, and must not reach a query that others share."""
    return _ID.fullmatch(text) is not None


def _instant(seconds: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def _seconds(instant: datetime) -> float:
    return (instant - _EPOCH) // _MICROSECOND / 1_000_000


class Values:
    """What all dialects share; a subclass says how it writes and reads instants and keys."""

    __slots__ = ()

    def time(self, seconds: float) -> Any:
        """An instant, from seconds since the epoch."""
        raise NotImplementedError

    def seconds(self, stored: Any) -> float:
        """Seconds since the epoch, from an instant."""
        raise NotImplementedError

    def optional_time(self, seconds: float | None) -> Any:
        return None if seconds is None else self.time(seconds)

    def optional_seconds(self, stored: Any) -> float | None:
        return None if stored is None else self.seconds(stored)

    def key(self, text: str) -> Any:
        """An identifier key, in a column that compares by bytes."""
        return text

    def read_key(self, stored: Any) -> str:
        return str(stored)

    def roles(self, roles: Iterable[str]) -> str:
        """The JSON of a list of roles."""
        return json.dumps(list(roles), ensure_ascii=False)

    def read_roles(self, stored: Any) -> tuple[str, ...]:
        return tuple(json.loads(stored))


class PostgresValues(Values):
    """TIMESTAMPTZ: asyncpg takes and gives aware datetimes."""

    __slots__ = ()

    def time(self, seconds: float) -> datetime:
        return _instant(seconds)

    def seconds(self, stored: datetime) -> float:
        return _seconds(stored)


class MysqlValues(Values):
    """DATETIME(6) knows no zone, so no session's time zone matters: UTC goes in and comes out naive.

    Keys are UTF-8 bytes in a VARBINARY column.
    """

    __slots__ = ()

    def time(self, seconds: float) -> datetime:
        return _instant(seconds).replace(tzinfo=None)

    def seconds(self, stored: datetime) -> float:
        return _seconds(stored.replace(tzinfo=UTC))

    def key(self, text: str) -> bytes:
        return text.encode()

    def read_key(self, stored: bytes) -> str:
        return stored.decode()


class SqliteValues(Values):
    """Text of one width, so that it compares as the instants do, and that Tortoise reads too."""

    __slots__ = ()

    def time(self, seconds: float) -> str:
        return _instant(seconds).isoformat(" ", "microseconds")

    def seconds(self, stored: str) -> float:
        return _seconds(datetime.fromisoformat(stored))
