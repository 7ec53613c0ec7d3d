"""PostgreSQL through asyncpg."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count as counting
from typing import Any, Final, Literal, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import Dialect
from sentri.storage.drivers.driver import Row, quoted
from sentri.storage.failures import Fault, Nature
from sentri.storage.values import PostgresValues, Values

__all__ = ["PostgresDriver"]

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_NATURES: Final = {
    "23001": Nature.REFERENCED,  # restrict_violation: ON DELETE RESTRICT, since PostgreSQL 18
    "23503": Nature.REFERENCED,
    "23505": Nature.TAKEN,
    "40001": Nature.CONFLICT,  # serialization_failure
    "40P01": Nature.CONFLICT,  # deadlock_detected
    "40003": Nature.UNAVAILABLE,  # statement_completion_unknown
    "25P03": Nature.UNAVAILABLE,  # idle_in_transaction_session_timeout
    "25P04": Nature.UNAVAILABLE,  # transaction_timeout
    "25006": Nature.UNAVAILABLE,  # read_only_sql_transaction: a primary that became a replica
    "55P03": Nature.UNAVAILABLE,  # lock_not_available: lock_timeout
    "57014": Nature.UNAVAILABLE,  # query_canceled: statement_timeout
    "3D000": Nature.REFUSED,  # invalid_catalog_name: no such database
}
_CLASSES: Final = {
    "08": Nature.UNAVAILABLE,  # connection exception
    "53": Nature.UNAVAILABLE,  # insufficient resources: too many connections, disk full
    "57": Nature.UNAVAILABLE,  # operator intervention: shutdown, crash, starting up
    "58": Nature.UNAVAILABLE,  # system error
    "28": Nature.REFUSED,  # invalid authorization
}


class PostgresSession:
    """An asyncpg connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, sql: str, *values: Any) -> int:
        status = await self._connection.execute(sql, *values)  # "UPDATE 1", "INSERT 0 1", "BEGIN"
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        return cast("Sequence[Row]", await self._connection.fetch(sql, *values))

    async def row(self, sql: str, *values: Any) -> Row | None:
        return cast("Row | None", await self._connection.fetchrow(sql, *values))

    async def returned(self, sql: str, values: Sequence[Sequence[Any]]) -> Sequence[Row]:
        return cast("Sequence[Row]", await self._connection.fetchmany(sql, values))


class PostgresDriver:
    """How sentri speaks to PostgreSQL."""

    dialect: Dialect = "postgres"
    values: Values = PostgresValues()
    returns = True
    key = 'u.identifier_key COLLATE "C"'
    has_role = "u.roles @> ?::jsonb"
    has_part = "strpos(u.identifier_key, ?) > 0"
    # Whatever the server's default is: after FOR SHARE or FOR UPDATE waited, the next statement must see the latest.
    begin: Sequence[str] = ("BEGIN ISOLATION LEVEL READ COMMITTED",)
    # Else the plan of an empty table is kept, and reads all of it, while it grows to ten thousand rows.
    planning_afresh: Sequence[str] = ("SET LOCAL plan_cache_mode = force_custom_plan",)

    def client(self, options: DatabaseOptions, timeout: float) -> Any:
        extra: dict[str, Any] = {} if options.ssl is None else {"ssl": options.ssl}
        return AsyncpgDBClient(
            connection_name="sentri",
            user=options.user,
            password=options.password,
            database=options.database,
            host=options.host,
            port=options.port or 5432,
            schema=quoted(options.schema) if options.schema else None,  # a search_path
            application_name="sentri",
            minsize=0,  # else asyncpg logs a traceback of its own for every server that went away
            maxsize=options.max,
            timeout=timeout,
            reset=_stay,
            **extra,
        )

    def session(self, connection: Any) -> PostgresSession:
        return PostgresSession(connection)

    def sql(self, text: str, **parts: str) -> str:
        numbers = counting(1)
        locks = {"for_update": "FOR UPDATE", "for_share": "FOR SHARE", "skip_locked": "FOR UPDATE SKIP LOCKED"}
        first, *rest = text.format(**locks, **parts).split("?")
        return first + "".join(f"${next(numbers)}{part}" for part in rest)

    def among(self, count: int, kind: Literal["uuid", "text"] = "uuid") -> str:
        return "= ?" if count == 1 else f"= ANY(?::{kind}[])"

    def ids(self, ids: Sequence[str]) -> Sequence[Any]:
        return ids if len(ids) == 1 else (list(ids),)

    def fault(self, error: BaseException) -> Fault | None:
        if isinstance(error, asyncpg.PostgresError):
            code = str(error.sqlstate)
            if isinstance(error, asyncpg.InvalidCachedStatementError):
                # Another process has migrated: what this connection had prepared is gone, the next attempt prepares it.
                return Fault(Nature.CONFLICT, type(error).__name__, code)
            nature = _NATURES.get(code) or _CLASSES.get(code[:2], Nature.WRONG)
            return Fault(nature, type(error).__name__, code)
        if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
            # Of what is configured sentri lets one thing through that asyncpg may refuse.
            return Fault(Nature.REFUSED, "no root certificate to verify it with: name the file in PGSSLROOTCERT")
        if isinstance(error, asyncpg.InterfaceError):
            # asyncpg's own DataError, a value that does not fit its type, is our mistake and a ValueError too.
            nature = Nature.WRONG if isinstance(error, ValueError) else Nature.UNAVAILABLE
            return Fault(nature, type(error).__name__)
        if isinstance(error, asyncpg.InternalClientError):
            return Fault(Nature.UNAVAILABLE, type(error).__name__)
        return None

    def done_already(self, error: Exception) -> bool:  # noqa: ARG002 - DDL is rolled back here like all else
        return False

    async def roll_back(self, connection: Any) -> None:
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")

    async def drop(self, connection: Any) -> None:
        connection.terminate()


async def _stay(connection: Any) -> None:
    """In place of the pool's own reset, a round trip that every statement would pay for.

    sentri's sessions leave nothing to reset: no listeners, no `SET`, no session locks, and no transaction,
    since `Database` rolls back or drops what failed.
    """
