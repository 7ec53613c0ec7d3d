"""Databases of this run's own: made, filled, dropped again.

Each has sentri's tables, made by its migrations, and beside them `bench_users` and `bench_sessions` for the servers
that are written by hand, with the same users and sessions.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

import sentri
from benchmarks.credentials import LIFETIME, SECRET, Owner

__all__ = ["Unavailable", "create"]

_SERVERS: Final = {
    "postgres": os.environ.get("SENTRI_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres"),
    "mysql": os.environ.get("SENTRI_TEST_MYSQL", "mysql://root@127.0.0.1:3306/mysql"),
}
_BY_HAND: Final = (
    """CREATE TABLE bench_users (id {id} PRIMARY KEY, email VARCHAR(255) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL, is_active BOOLEAN NOT NULL)""",
    """CREATE TABLE bench_sessions (id {id} PRIMARY KEY, user_id {id} NOT NULL, expires_at {time} NOT NULL,
    revoked_at {time} NULL, FOREIGN KEY (user_id) REFERENCES bench_users (id))""",
    "CREATE INDEX bench_sessions_user ON bench_sessions (user_id)",
    """CREATE TABLE bench_refresh (token_hash {digest} PRIMARY KEY, session_id {id} NOT NULL,
    expires_at {time} NOT NULL)""",
)


class Unavailable(Exception):
    """A service that does not answer here; the text says why."""


class Database(ABC):
    """A database with a name that nobody else has, on the usual local server."""

    url: str
    types: dict[str, str]

    @abstractmethod
    async def run(self, statements: Iterable[str]) -> None: ...

    @abstractmethod
    async def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Many rows, quickly."""

    @abstractmethod
    async def drop(self) -> None: ...

    def time(self, instant: datetime) -> Any:
        """An instant, as sentri and drivers write it."""
        return instant

    def key(self, text: str) -> Any:
        """An identifier key, as sentri writes it."""
        return text

    async def fill(self, owners: Sequence[Owner], password_hash: str) -> None:
        """Every owner with their session, in the tables of both."""
        await self.migrate()
        await self.add(owners, password_hash)
        await self.run(statement.format(**self.types) for statement in _BY_HAND)
        end = self.time(datetime.now(UTC) + timedelta(seconds=LIFETIME))
        await self.insert(
            "bench_users",
            ("id", "email", "password_hash", "is_active"),
            [(o.id, o.identifier, password_hash, True) for o in owners],
        )
        await self.insert(
            "bench_sessions", ("id", "user_id", "expires_at"), [(o.session_id, o.id, end) for o in owners]
        )

    async def migrate(self) -> None:
        """Make sentri's tables."""
        async with sentri.create_auth(db=self.url, secret=SECRET, valid_roles=("user",)) as auth:
            await auth.migrate()

    async def add(self, owners: Sequence[Owner], password_hash: str) -> None:
        """More users with a session each, in sentri's tables."""
        now = datetime.now(UTC)
        start, end = self.time(now), self.time(now + timedelta(seconds=LIFETIME))
        await self.insert(
            "sentri_users",
            ("id", "identifier", "identifier_key", "password_hash", "roles", "created_at"),
            [(o.id, o.identifier, self.key(o.identifier), password_hash, '["user"]', start) for o in owners],
        )
        await self.insert(
            "sentri_sessions",
            ("id", "user_id", "created_at", "expires_at", "jti", "rotated_at"),
            [(o.session_id, o.id, start, end, secrets.token_hex(16), start) for o in owners],
        )


class Sqlite(Database):
    """A file in a temporary folder."""

    types: Final = {"id": "CHAR(36)", "time": "TIMESTAMP", "digest": "BLOB"}

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="sentri-bench-")
        self._path = f"{self._folder}/bench.db"
        self.url = f"sqlite://{self._path}"

    def time(self, instant: datetime) -> str:
        return instant.isoformat(" ", "microseconds")

    async def run(self, statements: Iterable[str]) -> None:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    async def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    async def drop(self) -> None:
        shutil.rmtree(self._folder)


class OnServer(Database):
    """A database on a server, where we are somebody who may create one."""

    def __init__(self, dialect: str) -> None:
        self._server = _SERVERS[dialect]
        self.name = f"sentri_bench_{os.getpid()}_{secrets.token_hex(4)}"
        self.url = urlsplit(self._server)._replace(path=f"/{self.name}").geturl()


class Postgres(OnServer):
    """On PostgreSQL."""

    types: Final = {"id": "UUID", "time": "TIMESTAMPTZ", "digest": "BYTEA"}

    def __init__(self) -> None:
        super().__init__("postgres")

    @classmethod
    async def create(cls) -> Postgres:
        made = cls()
        await made._administer(f"CREATE DATABASE {made.name}")
        return made

    async def run(self, statements: Iterable[str]) -> None:
        connection = await asyncpg.connect(self.url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    async def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        connection = await asyncpg.connect(self.url)
        await connection.copy_records_to_table(table, columns=columns, records=rows)
        await connection.execute(f"VACUUM ANALYZE {table}")
        await connection.close()

    async def drop(self) -> None:
        await self._administer(f"DROP DATABASE {self.name} WITH (FORCE)")

    async def _administer(self, statement: str) -> None:
        try:
            connection = await asyncpg.connect(self._server, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise Unavailable(f"no PostgreSQL answers: {error}") from None
        await connection.execute(statement)
        await connection.close()


class Mysql(OnServer):
    """On MySQL or MariaDB."""

    types: Final = {"id": "CHAR(36)", "time": "DATETIME(6)", "digest": "BINARY(32)"}

    def __init__(self) -> None:
        super().__init__("mysql")

    @classmethod
    async def create(cls) -> Mysql:
        made = cls()
        try:
            await made._execute(made._server, [f"CREATE DATABASE {made.name} CHARACTER SET utf8mb4"])
        except Exception as error:  # noqa: BLE001 - asyncmy's are of no common kind
            raise Unavailable(f"no MySQL or MariaDB answers: {error}") from None
        return made

    def time(self, instant: datetime) -> datetime:
        return instant.replace(tzinfo=None)

    def key(self, text: str) -> bytes:
        return text.encode()

    async def run(self, statements: Iterable[str]) -> None:
        await self._execute(self.url, statements)

    async def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join(["%s"] * len(columns))
        connection = await self._connect(self.url)
        async with connection.cursor() as cursor:
            await cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(rows))
        await connection.commit()
        connection.close()

    async def drop(self) -> None:
        await self._execute(self._server, [f"DROP DATABASE {self.name}"])

    async def _execute(self, url: str, statements: Iterable[str]) -> None:
        connection = await self._connect(url)
        async with connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
        connection.close()

    async def _connect(self, url: str) -> Any:
        from asyncmy import connect  # noqa: PLC0415 - an extra of sentri's

        at = urlsplit(url)
        return await connect(
            host=at.hostname, port=at.port or 3306, user=at.username, password=at.password or "", db=at.path[1:]
        )


async def create(dialect: str) -> Database:
    """An empty one. Raises `Unavailable` where there is no such server."""
    match dialect:
        case "postgres":
            return await Postgres.create()
        case "mysql":
            return await Mysql.create()
        case _:
            return await asyncio.to_thread(Sqlite)
