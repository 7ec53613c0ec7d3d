"""A database in memory that starts with sentri's tables, and is not lost when it is closed.

SQLite forgets an in-memory database with its last connection. Here its image is kept: an application that is stopped
and started again, in another event loop too, finds what it left. The image with the tables is made once a process.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import aiosqlite
from tortoise.backends.sqlite.client import SqliteClient

from sentri.config.database import Database as DatabaseOptions
from sentri.storage import Database, migrate
from sentri.storage.drivers.sqlite import SqliteDriver

__all__ = ["MEMORY", "MemoryDatabase", "MigratedDatabase"]

MEMORY: Final = ":memory:"


class MigratedDatabase(Database):
    """A database that has sentri's tables as soon as it is open."""

    async def open(self) -> None:
        """Connect, and migrate."""
        if not self.opened:
            await super().open()
            await migrate(self)


class MemoryDatabase(Database):
    """An in-memory SQLite database of one auth server. What is in it lives as long as this object."""

    def __init__(self, options: DatabaseOptions, **more: Any) -> None:
        self._image = _Image()
        super().__init__(options, driver=_Driver(self._image), **more)

    async def open(self) -> None:
        """Connect: to what was there when it was closed last, at first to empty tables."""
        if self._image.content is None:
            self._image.content = await _empty_tables(self.options)
        await super().open()


class _Image:
    """The file that the database would be; None where there is none yet."""

    def __init__(self) -> None:
        self.content: bytes | None = None

    def connection(self) -> sqlite3.Connection:
        """A connection to a copy of it."""
        copy = sqlite3.connect(MEMORY)
        if self.content is not None:
            copy.deserialize(self.content)
        return copy


_EMPTY_TABLES: Final = _Image()


async def _empty_tables(options: DatabaseOptions) -> bytes:
    """The image of a migrated database. Two who ask at once for the first one both make it: it is the same."""
    if _EMPTY_TABLES.content is None:
        made = _Image()
        database = Database(options, driver=_Driver(made))
        await database.open()
        await migrate(database)
        await database.close()
        _EMPTY_TABLES.content = made.content
    if _EMPTY_TABLES.content is None:
        raise RuntimeError("SQLite gave no image of the migrated database")
    return _EMPTY_TABLES.content


class _Client(SqliteClient):
    """Tortoise's client, whose connection begins with an image and leaves one."""

    def __init__(self, image: _Image, **settings: Any) -> None:
        super().__init__(MEMORY, connection_name="sentri", **settings)
        self._image = image
        self._connected = False

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - Tortoise's signature
        await super().create_connection(with_db)
        async with (
            aiosqlite.Connection(self._image.connection, iter_chunk_size=1) as copy,
            self.acquire_connection() as connection,
        ):
            await copy.backup(connection)
        self._connected = True

    async def close(self) -> None:
        try:
            if self._connected:
                self._connected = False
                self._image.content = await self._taken()
        finally:
            await super().close()

    async def _taken(self) -> bytes:
        target = sqlite3.connect(MEMORY, check_same_thread=False)  # aiosqlite's thread writes, one at a time
        try:
            async with self.acquire_connection() as connection:
                await connection.backup(target)
            return target.serialize()
        finally:
            target.close()


class _Driver(SqliteDriver):
    def __init__(self, image: _Image) -> None:
        self._image = image

    def client(self, options: DatabaseOptions, timeout: float) -> Any:  # noqa: ARG002 - there is one place only
        return _Client(self._image, busy_timeout=int(timeout * 800))
