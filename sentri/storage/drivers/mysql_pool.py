"""Connections to MySQL and MariaDB that are lent one at a time.

In place of asyncmy's pool, which opens connections one after the other, under a lock that everybody waits for: one that
is accepted and never answered holds up all others, also when the server is back. Of many waiters that give up at the
same time one may hold that lock for good, see `_opened`.
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

_LONGEST_REST: Final = 300.0
"""Seconds after which a connection that nobody used is not trusted any more: firewalls forget them silently."""
_PAUSE: Final = 0.05
"""Seconds between telling a connection that is being opened to stop, and telling it again."""


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
            return self._rested() or await _opened(self._parameters)
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: Any) -> None:
        """Let the next one have it, or its place, where it was dropped or is in the middle of a transaction."""
        try:
            if self._is_closed or not connection.connected or connection.get_transaction_status():
                connection.close()
            else:
                self._resting.append((connection, monotonic()))
        finally:
            self._room.release()

    async def close(self) -> None:
        """Take leave of those that rest, all at once: one that does not answer keeps none of the others open."""
        self._is_closed = True
        resting, self._resting = self._resting, []
        try:
            await asyncio.gather(*(connection.ensure_closed() for connection, _ in resting), return_exceptions=True)
        finally:
            for connection, _ in resting:
                connection.close()

    def _rested(self) -> Any | None:
        while self._resting:
            connection, since = self._resting.pop()
            # Nothing public tells whether the server has ended it: asyncmy's own pool asks the same. An asyncmy that
            # does not know the name costs a new connection every time, and no more.
            if not getattr(connection, "_stream_broken", True) and monotonic() - since < _LONGEST_REST:
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


async def _opened(parameters: Mapping[str, Any]) -> Any:
    """A new connection, as long as somebody waits for it.

    asyncmy connects with `asyncio.wait_for`. That of Python 3.11 loses a cancellation which comes in the moment in
    which the server accepts; then nothing ends the wait for a greeting that may never come.
    """
    opening = asyncio.create_task(connect(**parameters))
    try:
        await asyncio.wait((opening,))
    except BaseException:
        _give_up(opening)
        raise
    return opening.result()


def _give_up(opening: asyncio.Task[Any]) -> None:
    """Tell it to stop until it has."""
    if not opening.done():
        opening.cancel()
        opening.get_loop().call_later(_PAUSE, _give_up, opening)
    elif not opening.cancelled() and opening.exception() is None:
        opening.result().close()
