"""SQLite through aiosqlite: one connection a process, any number of processes a file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Literal, cast

from tortoise.backends.base.client import ConnectionWrapper
from tortoise.backends.sqlite.client import SqliteClient

from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import Dialect
from sentri.storage.drivers.driver import Row
from sentri.storage.failures import Fault, Nature
from sentri.storage.values import SqliteValues, Values

__all__ = ["SqliteDriver"]

# https://www.sqlite.org/rescode.html
_NATURES: Final = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: Nature.TAKEN,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: Nature.TAKEN,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: Nature.REFERENCED,
    sqlite3.SQLITE_BUSY: Nature.CONFLICT,
    sqlite3.SQLITE_LOCKED: Nature.CONFLICT,
    sqlite3.SQLITE_CANTOPEN: Nature.REFUSED,
    sqlite3.SQLITE_NOTADB: Nature.REFUSED,
    sqlite3.SQLITE_PERM: Nature.REFUSED,
    sqlite3.SQLITE_READONLY: Nature.UNAVAILABLE,
    sqlite3.SQLITE_INTERRUPT: Nature.UNAVAILABLE,
    sqlite3.SQLITE_IOERR: Nature.UNAVAILABLE,
    sqlite3.SQLITE_FULL: Nature.UNAVAILABLE,
    sqlite3.SQLITE_PROTOCOL: Nature.UNAVAILABLE,
}
_FOREIGN_KEY: Final = "FOREIGN KEY constraint failed"
"""What SQLite says for ON DELETE RESTRICT too, which it carries out, and codes, as a trigger."""


class _Unseen(tuple[Any, ...]):
    """Values of a statement. aiosqlite logs the repr of all that it executes at DEBUG; this one shows nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"({len(self)} values)"


class SqliteSession:
    """An aiosqlite connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, sql: str, *values: Any) -> int:
        async with self._connection.execute(sql, _Unseen(values)) as cursor:
            return max(int(cursor.rowcount), 0)

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        return cast("Sequence[Row]", await self._connection.execute_fetchall(sql, _Unseen(values)))

    async def row(self, sql: str, *values: Any) -> Row | None:
        rows = await self.rows(sql, *values)
        return rows[0] if rows else None


class DatabaseFileMoved(OSError):
    """The file is not under its name any more."""


class _Client(SqliteClient):
    """Tortoise's client, which fails before aiosqlite does, and notices when its file is taken away.

    When aiosqlite cannot open a file it leaves its thread behind, and that reports to a loop that may be closed.

    SQLite writes on to a file that was deleted or replaced, and all of that is lost. Opening the new one would not be
    safe either: closing the old one deletes, by its name, the journal of the new one. So nothing is done until the
    file is back, or until the process starts anew.
    """

    _opened: tuple[int, int] | None = None

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - Tortoise's signature
        await asyncio.to_thread(_try, self.filename)
        await super().create_connection(with_db)
        self._opened = _identity(self.filename)

    def acquire_connection(self) -> _Lent:
        return _Lent(self._lock, self)

    def check_file(self) -> None:
        """Raise `DatabaseFileMoved` where what is open is not what the name leads to."""
        if _identity(self.filename) != self._opened:
            raise DatabaseFileMoved


class _Lent(ConnectionWrapper[Any]):
    """The connection, while somebody has it to himself."""

    async def __aenter__(self) -> Any:
        await self._lock.acquire()
        try:
            await self.ensure_connection()
            cast("_Client", self.client).check_file()
        except BaseException:  # nobody leaves who has not entered
            self._lock.release()
            raise
        return self.connection


def _absolute(filename: str) -> str:
    """The name of the same file for a process that changes its folder, as SQLite keeps it."""
    return filename if filename == ":memory:" else os.path.abspath(filename)  # noqa: PTH100 - links stay links


def _identity(filename: str) -> tuple[int, int] | None:
    """Which file it is, whatever it is called; None where there is none."""
    try:
        found = os.stat(filename)  # noqa: PTH116 - on the way of every statement
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _try(filename: str) -> None:
    sqlite3.connect(filename).close()


class SqliteDriver:
    """How sentri speaks to SQLite."""

    dialect: Dialect = "sqlite"
    values: Values = SqliteValues()
    returns = False
    key = "u.identifier_key"
    # The role is a list of one, as it is for the others.
    has_role = "EXISTS (SELECT 1 FROM json_each(u.roles) AS r WHERE r.value = json_extract(?, '$[0]'))"
    has_part = "instr(u.identifier_key, ?) > 0"
    # A deferred BEGIN that reads and then writes fails at once ("database is locked") when another process wrote
    # in between; this one waits for its turn.
    begin: Sequence[str] = ("BEGIN IMMEDIATE",)
    planning_afresh: Sequence[str] = ()

    def client(self, options: DatabaseOptions, timeout: float) -> Any:
        # First of the pragmas: even switching to WAL may have to wait. Less than the time-out, so that the
        # thread is free again when it strikes.
        return _Client(
            _absolute(options.database), connection_name="sentri", busy_timeout=int(timeout * 800), journal_mode="WAL"
        )

    def session(self, connection: Any) -> SqliteSession:
        return SqliteSession(connection)

    def sql(self, text: str, **parts: str) -> str:
        return text.format(for_update="", for_share="", skip_locked="", **parts)  # BEGIN IMMEDIATE is the lock

    def among(self, count: int, kind: Literal["uuid", "text"] = "uuid") -> str:  # noqa: ARG002 - ids are text here
        return "= ?" if count == 1 else f"IN ({', '.join('?' * count)})"

    def ids(self, ids: Sequence[str]) -> Sequence[Any]:
        return ids

    def fault(self, error: BaseException) -> Fault | None:
        if not isinstance(error, sqlite3.Error):
            return None
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:  # the sqlite3 module's own: a closed connection, a value of an unknown type
            return Fault(Nature.WRONG, type(error).__name__)
        if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER and str(error) == _FOREIGN_KEY:
            return Fault(Nature.REFERENCED, type(error).__name__, str(code))
        return Fault(_NATURES.get(code) or _NATURES.get(code & 0xFF, Nature.WRONG), type(error).__name__, str(code))

    def done_already(self, error: Exception) -> bool:  # noqa: ARG002 - DDL is rolled back here like all else
        return False

    async def roll_back(self, connection: Any) -> None:
        with suppress(sqlite3.OperationalError):  # "no transaction is active"
            await connection.execute("ROLLBACK")

    async def drop(self, connection: Any) -> None:
        """There is one connection only, so it is not dropped: its statement is stopped, its transaction undone.

        The thread takes one statement after the other: this ROLLBACK comes after whatever is still running.
        """
        await connection.interrupt()
        await self.roll_back(connection)
