"""Connections to MySQL and MariaDB that are lent one at a time.

In place of asyncmy's pool, which opens connections one after the other, under a lock that everybody waits for: one that
is accepted and never answered holds up all others, also when the server is back, and of many waiters that give up at
the same time some leave it exhausted for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Final

from asyncmy import connect
from tortoise.backends.mysql.client import MySQLClient

__all__ = ["PooledClient"]

_LONGEST_REST: Final = 3600.0
"""Seconds after which a connection that nobody used is not trusted any more."""


class _Pool:
    """At most so many connections: those that rest, the latest used last, and those that are lent."""

    def __init__(self, most: int, parameters: Mapping[str, Any]) -> None:
        self._room = asyncio.Semaphore(most)
        self._parameters = parameters
        self._resting: list[tuple[Any, float]] = []
        self._is_closed = False

    async def take(self) -> Any:
        """One that works, as far as can be known without asking; a new one where none rests."""
        await self._room.acquire()
        try:
            return self._rested() or await connect(**self._parameters)
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: Any) -> None:
        """Let the next one have it, or its place, where it was dropped or is in the middle of a transaction."""
        if self._is_closed or not connection.connected or connection.get_transaction_status():
            connection.close()
        else:
            self._resting.append((connection, monotonic()))
        self._room.release()

    async def close(self) -> None:
        self._is_closed = True
        resting, self._resting = self._resting, []
        for connection, _ in resting:
            try:
                await connection.ensure_closed()
            finally:
                connection.close()

    def _rested(self) -> Any | None:
        while self._resting:
            connection, since = self._resting.pop()
            # Nobody else tells whether the server has ended it: asyncmy's own pool asks the same.
            if not connection._stream_broken and monotonic() - since < _LONGEST_REST:  # noqa: SLF001
                return connection
            connection.close()
        return None


class _Lent:
    """A connection, while somebody has it to himself."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._connection: Any = None

    async def __aenter__(self) -> Any:
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.give_back(self._connection)


class PooledClient(MySQLClient):
    """Tortoise's client, with this pool."""

    _own_pool: _Pool | None = None

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - Tortoise's signature
        named = {"db": self.database} if with_db else {}
        where = {"host": self.host, "port": self.port, "user": self.user, "password": self.password, **named}
        parameters = {**where, "autocommit": True, "charset": self.charset, **self.extra}
        self._own_pool = _Pool(self.pool_maxsize, parameters)

    def acquire_connection(self) -> Any:
        if self._own_pool is None:
            raise ConnectionError
        return _Lent(self._own_pool)

    async def close(self) -> None:
        pool, self._own_pool = self._own_pool, None
        if pool is not None:
            await pool.close()
