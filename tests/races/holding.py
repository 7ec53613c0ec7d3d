"""A database that is held still in the middle of its work, so that others come in between."""

from __future__ import annotations

import asyncio

from sentri.storage import Database


class Held:
    """A `Database` whose work stops after one of its statements, inside its transaction, until it is let go."""

    def __init__(self, database: Database, *, after: int = 1) -> None:
        self._database = database
        self.left = after
        self.driver = database.driver
        self.timeout = database.timeout
        self.dialect = database.dialect
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def unit(self, work):
        return await self._database.unit(lambda session: work(HeldSession(session, self)))

    call = unit  # a statement by itself is a transaction, too: here it stays open


class HeldSession:
    def __init__(self, session, held: Held) -> None:
        self._session = session
        self._held = held

    async def run(self, sql, *values):
        return await self._then_wait(self._session.run(sql, *values))

    async def row(self, sql, *values):
        return await self._then_wait(self._session.row(sql, *values))

    async def rows(self, sql, *values):
        return await self._then_wait(self._session.rows(sql, *values))

    async def returned(self, sql, values):
        return await self._then_wait(self._session.returned(sql, values))

    async def _then_wait(self, statement):
        result = await statement
        self._held.left -= 1
        if self._held.left == 0:
            self._held.reached.set()
            await self._held.let_go.wait()
        return result
