"""How one asks each database for one row by hand: the driver alone, with the pool that it comes with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["POOL", "Reader", "reader_for"]

POOL: Final = 10
"""Connections: as many as sentri opens."""
_SESSION: Final = (
    "SELECT s.user_id, s.expires_at, s.revoked_at, u.is_active"
    " FROM bench_sessions s JOIN bench_users u ON u.id = s.user_id WHERE s.id = {}"
)


class Reader(ABC):
    """Reads sessions."""

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def session(self, session_id: str) -> Sequence[Any] | None:
        """User, end, revocation, and whether the user is active."""

    def now(self) -> Any:
        """What an end is compared with."""
        return datetime.now(UTC)


class Postgres(Reader):
    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        import asyncpg  # noqa: PLC0415 - one driver a server

        self._pool = await asyncpg.create_pool(self._url, min_size=POOL, max_size=POOL)

    async def close(self) -> None:
        await self._pool.close()

    async def session(self, session_id: str) -> Sequence[Any] | None:
        return await self._pool.fetchrow(_SESSION.format("$1"), session_id)


class Sqlite(Reader):
    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite://")

    async def open(self) -> None:
        import aiosqlite  # noqa: PLC0415 - as above

        self._connection = await aiosqlite.connect(self._path)

    async def close(self) -> None:
        await self._connection.close()

    async def session(self, session_id: str) -> Sequence[Any] | None:
        rows = list(await self._connection.execute_fetchall(_SESSION.format("?"), (session_id,)))
        return rows[0] if rows else None

    def now(self) -> str:
        return datetime.now(UTC).isoformat(" ", "microseconds")


class Mysql(Reader):
    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)

    async def open(self) -> None:
        import asyncmy  # noqa: PLC0415 - as above

        self._pool = await asyncmy.create_pool(
            host=self._at.hostname,
            port=self._at.port or 3306,
            user=self._at.username,
            password=self._at.password or "",
            db=self._at.path[1:],
            autocommit=True,
            minsize=POOL,
            maxsize=POOL,
        )

    async def close(self) -> None:
        self._pool.close()
        await self._pool.wait_closed()

    async def session(self, session_id: str) -> Sequence[Any] | None:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(_SESSION.format("%s"), (session_id,))
            return await cursor.fetchone()

    def now(self) -> datetime:
        return datetime.now(UTC).replace(tzinfo=None)


def reader_for(url: str) -> Reader:
    """That of the URL's database."""
    return {"sqlite": Sqlite, "mysql": Mysql}.get(urlsplit(url).scheme, Postgres)(url)
