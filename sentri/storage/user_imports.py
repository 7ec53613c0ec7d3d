"""Many users in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sentri.accounts.stores import UserRecord
from sentri.storage.database import Database
from sentri.storage.drivers import Session
from sentri.storage.failures import UniqueViolation, unavailable
from sentri.storage.records import INSERT_USERS, USER_PLACES, user_row

__all__ = ["UserImports"]

_SELECT: Final = (
    "SELECT u.id, u.identifier_key FROM sentri_users u WHERE u.id IN ({places})"
    " UNION ALL SELECT u.id, u.identifier_key FROM sentri_users u WHERE u.identifier_key IN ({places})"
)
_ATTEMPTS: Final = 5  # where somebody registers one of them in the same moment
_ROWS: Final = 100
"""A statement. SQLite takes 999 values at least; a quarter of that is what the others do best with, too."""
_WITHIN: Final = 120.0
"""Seconds for all of it."""


class UserImports:
    """Inserts users, many a statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._driver = database.driver
        self._values = database.driver.values

    async def add_all(self, users: Sequence[UserRecord]) -> Mapping[int, str]:
        """Insert all of them, or none: nothing, or the positions of those that are in the way."""
        rows = [user_row(user, self._values) for user in users]

        async def work(session: Session) -> Mapping[int, str]:
            taken = await self._taken(session, rows)
            if not taken:
                for some in _batches(rows):
                    await session.run(self._insert_sql(len(some)), *chain.from_iterable(some))
            return taken

        for _ in range(_ATTEMPTS):
            try:
                return await self._database.unit(work, within=_WITHIN)
            except UniqueViolation:  # somebody was faster; what they wrote is seen now
                continue
        raise unavailable()

    async def in_the_way(self, users: Sequence[UserRecord]) -> Mapping[int, str]:
        """What `add_all` would answer with now."""
        rows = [user_row(user, self._values) for user in users]
        return await self._database.unit(lambda session: self._taken(session, rows), within=_WITHIN)

    async def _taken(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> Mapping[int, str]:
        """Positions of the rows whose id or key is there already, and which of the two it is."""
        for statement in self._driver.planning_afresh:
            await session.run(statement)
        taken = await self.seen(session, rows)
        # Again: of what somebody commits between two of the statements only a part was seen, and now all of it is.
        return await self.seen(session, rows) if taken and len(rows) > _ROWS else taken

    async def seen(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> Mapping[int, str]:
        """What a look at the tables finds now, a hundred rows at a time."""
        ids: set[str] = set()
        keys: set[Any] = set()
        for some in _batches(rows):
            known = [row[0] for row in some], [row[2] for row in some]
            found = await session.rows(self._select_sql(len(some)), *known[0], *known[1])
            ids.update(str(row["id"]) for row in found)
            keys.update(row["identifier_key"] for row in found)
        return {
            position: "identifier" if row[2] in keys else "id"
            for position, row in enumerate(rows)
            if row[2] in keys or row[0] in ids
        }

    def _insert_sql(self, count: int) -> str:
        return self._driver.sql(INSERT_USERS + ", ".join([USER_PLACES] * count))

    def _select_sql(self, count: int) -> str:
        """Two searches, each along an index of its own."""
        return self._driver.sql(_SELECT, places=", ".join("?" * count))


def _batches(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]
