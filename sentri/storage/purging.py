"""Deleting rows whose time is over, so that nobody waits for it, and it waits for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sentri.storage.database import Database
from sentri.storage.drivers import Session

__all__ = ["Purge"]


class Purge:
    """Deletes rows of one table that somebody has found without locking any.

    They are locked by their primary key: a search along the index of the instant would lock the row after the last one
    too, on MySQL and MariaDB, which is somebody's living session.

    Args:
        key: the primary key of the table.
        kind: of the key's column.
        instant: the column that says when the row's time was over.
    """

    def __init__(
        self, database: Database, table: str, *, key: str, kind: Literal["uuid", "text"], instant: str
    ) -> None:
        self._database = database
        self._driver = database.driver
        self._parts = {"table": table, "key": key, "instant": instant}
        self._key = key
        self._kind = kind
        self._instant = instant

    async def run(self, names: Sequence[str], *, before: float) -> int:
        """Delete those of the rows whose instant is not later, in one transaction; how many there were.

        A row that somebody has locked, or changed meanwhile, is left out.
        """

        async def work(session: Session) -> int:
            sql = self._sql("SELECT {key}, {instant} FROM {table} WHERE {key} {among} {skip_locked}", len(names))
            rows = await session.rows(sql, *self._driver.ids(names))
            seconds = self._driver.values.seconds
            over = [str(row[self._key]) for row in rows if seconds(row[self._instant]) <= before]
            if not over:
                return 0
            sql = self._sql("DELETE FROM {table} WHERE {key} {among}", len(over))
            return await session.run(sql, *self._driver.ids(over))

        return await self._database.unit(work) if names else 0

    def _sql(self, text: str, count: int) -> str:
        return self._driver.sql(text, among=self._driver.among(count, self._kind), **self._parts)
