"""Users page by page, in the order of their identifier keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sentri.accounts.stores import UserFilter, UserRecord
from sentri.storage.database import Database
from sentri.storage.drivers import Session
from sentri.storage.records import USER_COLUMNS, user_of

__all__ = ["UserPages"]

_LOOKED_AT: Final = 10_000
"""How many users one call looks at, where what is asked for is in no index. A page costs no more, however few match."""
_BOUND: Final = "SELECT u.identifier_key FROM sentri_users u WHERE {where} ORDER BY {key} LIMIT 1 OFFSET ?"
_PAGE: Final = "SELECT {user} FROM sentri_users u WHERE {where} ORDER BY {key} LIMIT ?"


class UserPages:
    """Reads `sentri_users` along the index of the identifier keys, and never by an offset: what is inserted or deleted
    meanwhile moves nobody from one page to another.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._driver = database.driver
        self._values = database.driver.values

    async def page(
        self, wanted: UserFilter, *, after: str | None, most: int
    ) -> tuple[Sequence[UserRecord], str | None]:
        """The next users, at most so many, and the key to go on after."""
        where, values = self._range(wanted.prefix, after)
        also, more = self._conditions(wanted)

        async def work(session: Session) -> tuple[Sequence[UserRecord], str | None]:
            bound = await session.row(self._sql(_BOUND, where), *values, _LOOKED_AT - 1) if also else None
            upto = [] if bound is None else [f"{self._driver.key} <= ?"]
            last = [] if bound is None else [bound["identifier_key"]]
            sql = self._sql(_PAGE, [*where, *upto, *also])
            rows = await session.rows(sql, *values, *last, *more, most + 1)
            users = [user_of(row, self._values) for row in rows]
            if len(users) > most:
                return users[:most], users[most - 1].identifier_key
            return users, None if bound is None else self._values.read_key(bound["identifier_key"])

        return await self._database.call(work)

    def _range(self, prefix: str, after: str | None) -> tuple[list[str], list[Any]]:
        """The part of the index: conditions and their values."""
        key, end = self._driver.key, _end_of(prefix)
        start = (f"{key} >= ?", prefix) if after is None or after < prefix else (f"{key} > ?", after)
        found = [start] if end is None else [start, (f"{key} < ?", end)]
        return [condition for condition, _ in found], [self._values.key(key) for _, key in found]

    def _conditions(self, wanted: UserFilter) -> tuple[list[str], list[Any]]:
        """What no index knows: conditions and their values."""
        conditions, values = [], []
        if wanted.role is not None:
            conditions.append(self._driver.has_role)
            values.append(self._values.roles([wanted.role]))
        if wanted.part:
            conditions.append(self._driver.has_part)
            values.append(self._values.key(wanted.part))
        if wanted.disabled is not None:
            conditions.append("u.disabled_at IS NOT NULL" if wanted.disabled else "u.disabled_at IS NULL")
        return conditions, values

    def _sql(self, text: str, conditions: Sequence[str]) -> str:
        return self._driver.sql(text, user=USER_COLUMNS, key=self._driver.key, where=" AND ".join(conditions))


def _end_of(prefix: str) -> str | None:
    """The first key behind all that begin so; None where nothing is behind them.

    In UTF-8 bytes come in the order of their code points, on every database.
    """
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)
