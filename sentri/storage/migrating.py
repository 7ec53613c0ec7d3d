"""Aerich's migration files, applied by a runner of our own under a lock.

The files and the `aerich` table are Aerich's: its own command line finds nothing left to do afterwards. Its
`Command.upgrade()` is not used, because it has no lock (of ten processes that start at once on an empty database
most fail, or write everything twice) and because it works through Tortoise's process-wide state: with a host's
Tortoise active it would make our tables in the host's database.

Ten processes that start at once: one applies, the others wait and find nothing to do. A process that is killed
leaves no lock; on PostgreSQL and SQLite it leaves no change either, on MySQL and MariaDB, where DDL commits by
itself, statements that the next process repeats or finds done.

Others serve meanwhile. A statement that changes a table waits until nobody uses it, and whoever comes later waits
behind that statement: it gives up after a second, lets them through, and tries again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from typing import Final

from sentri.storage.database import Database
from sentri.storage.drivers import Driver, Session, quoted
from sentri.storage.failures import unavailable
from sentri.storage.migration_files import Migration, migrations_for, statements

__all__ = ["APP", "migrate"]

Work = Callable[[], Awaitable[list[str]]]

APP: Final = "sentri"
"""What tells our rows in the `aerich` table from the host's."""
_PATIENCE: Final = 60.0  # seconds to wait for another process that migrates
_LONGEST: Final = 15 * 60.0  # seconds for all of it
_IN_THE_WAY: Final = 1  # seconds that a change waits for whoever uses its table, and others behind it
_PAUSE: Final = 0.5  # seconds for those others, before the next attempt
_BLOCKED: Final = {"55P03", "1205"}  # PostgreSQL's lock_timeout, MySQL's lock_wait_timeout

_TABLE: Final = {
    "postgres": 'CREATE TABLE "aerich" ("id" SERIAL NOT NULL PRIMARY KEY, "version" VARCHAR(255) NOT NULL,'
    ' "app" VARCHAR(100) NOT NULL, "content" JSONB NOT NULL)',
    "mysql": "CREATE TABLE `aerich` (`id` INT NOT NULL PRIMARY KEY AUTO_INCREMENT, `version` VARCHAR(255) NOT NULL,"
    " `app` VARCHAR(100) NOT NULL, `content` JSON NOT NULL) CHARACTER SET utf8mb4",
    "sqlite": 'CREATE TABLE "aerich" ("id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "version" VARCHAR(255) NOT NULL,'
    ' "app" VARCHAR(100) NOT NULL, "content" JSON NOT NULL)',
}
_TABLE_EXISTS: Final = {
    "postgres": "SELECT to_regclass('aerich') AS found",
    "mysql": "SELECT 1 AS found FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = 'aerich'",
    "sqlite": "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'aerich'",
}


async def migrate(database: Database) -> list[str]:
    """Create or upgrade sentri's tables; the names of the migrations that this call applied.

    Safe to repeat, and safe in any number of processes at once. The database must be open. Versions that this
    sentri does not know (a newer one runs beside it) are left alone, with a warning.
    """
    known = await migrations_for(database.dialect)
    lock = _LOCKS[database.dialect]

    async def work(session: Session) -> list[str]:
        run = _Run(database, session, known)
        return await lock(session, database.driver, run.apply)

    return await database.call(work, within=_LONGEST)


class _Run:
    """One pass over the files, under the lock."""

    def __init__(self, database: Database, session: Session, known: Collection[Migration]) -> None:
        self._database = database
        self._driver: Driver = database.driver
        self._session = session
        self._known = known

    async def apply(self) -> list[str]:
        """Apply what is missing, in order; the names."""
        await self._make_schema()
        have = await self._applied()
        self._warn_of_newer(have - {migration.name for migration in self._known})
        missing = [migration for migration in self._known if migration.name not in have]
        for migration in missing:
            await self._apply_one(migration)
        return [migration.name for migration in missing]

    async def _apply_one(self, migration: Migration) -> None:
        for statement in statements(migration.upgrade):
            try:
                await self._session.run(statement)
            except Exception as error:
                if not self._driver.done_already(error):
                    raise
        insert = self._driver.sql("INSERT INTO aerich (version, app, content) VALUES (?, ?, ?)")
        await self._session.run(insert, migration.name, APP, migration.state)

    async def _applied(self) -> set[str]:
        dialect = self._driver.dialect
        found = await self._session.row(_TABLE_EXISTS[dialect])
        if found is None or found["found"] is None:
            await self._session.run(_TABLE[dialect])
        rows = await self._session.rows(self._driver.sql("SELECT version FROM aerich WHERE app = ?"), APP)
        return {row["version"] for row in rows}

    async def _make_schema(self) -> None:
        """PostgreSQL: the schema that `options.schema` names. Asked for first: making it needs more rights."""
        schema = self._database.options.schema
        if self._driver.dialect != "postgres" or schema is None:
            return
        if await self._session.row("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema) is None:
            await self._session.run(f"CREATE SCHEMA {quoted(schema)}")

    def _warn_of_newer(self, unknown: Iterable[str]) -> None:
        if names := sorted(unknown):
            self._database.logger.warning(
                "the database has migrations that this version of sentri does not know: %s", ", ".join(names)
            )


async def _yielding(driver: Driver, attempt: Work) -> list[str]:
    """What `attempt` does, as soon as nobody's lock is in its way."""
    clock = asyncio.get_running_loop().time
    end = clock() + _PATIENCE
    while True:
        try:
            return await attempt()
        except Exception as error:
            fault = driver.fault(error)
            if fault is None or fault.code not in _BLOCKED or clock() > end:
                raise
        await asyncio.sleep(_PAUSE)


async def _postgres(session: Session, driver: Driver, work: Work) -> list[str]:
    """One transaction for everything. The lock belongs to it: commit, rollback and a lost connection free it."""

    async def attempt() -> list[str]:
        await session.run("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            await session.run(f"SET LOCAL lock_timeout = '{int(_PATIENCE)}s'")
            await session.run("SELECT pg_advisory_xact_lock($1)", _LOCK_NUMBER)
            await session.run(f"SET LOCAL lock_timeout = '{_IN_THE_WAY}s'")
            applied = await work()
            await session.run("COMMIT")
        except Exception:
            with suppress(Exception):  # of a connection that is lost: what happened first is what is told
                await session.run("ROLLBACK")
            raise
        return applied

    return await _yielding(driver, attempt)


async def _sqlite(session: Session, driver: Driver, work: Work) -> list[str]:  # noqa: ARG001 - as the others
    """One transaction for everything; to begin it is to be the only writer."""
    before = await session.row("PRAGMA busy_timeout")
    await session.run(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
    try:
        await session.run("BEGIN IMMEDIATE")
        applied = await work()
        await session.run("COMMIT")
    finally:
        await session.run(f"PRAGMA busy_timeout = {before['timeout'] if before else 0}")
    return applied


async def _mysql(session: Session, driver: Driver, work: Work) -> list[str]:
    """A lock of the connection, since DDL ends transactions; each file is recorded as soon as it is applied."""
    row = await session.row(
        "SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 40), ':sentri-migrate'), %s) AS locked", int(_PATIENCE)
    )
    if row is None or row["locked"] != 1:
        raise unavailable()
    try:
        await session.run(f"SET SESSION lock_wait_timeout = {_IN_THE_WAY}")
        return await _yielding(driver, work)
    finally:
        await session.run("SET SESSION lock_wait_timeout = DEFAULT")
        await session.run("DO RELEASE_LOCK(CONCAT(LEFT(DATABASE(), 40), ':sentri-migrate'))")


_LOCKS: Final = {"postgres": _postgres, "mysql": _mysql, "sqlite": _sqlite}
_LOCK_NUMBER: Final = int.from_bytes(hashlib.blake2b(b"sentri-migrate", digest_size=8).digest(), "big", signed=True)
