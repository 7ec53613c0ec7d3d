"""`sentri_known_addresses`: the `KnownAddressStore` of the flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sentri.storage.database import Database
from sentri.storage.failures import UniqueViolation
from sentri.storage.purging import Purge
from sentri.storage.values import is_id

__all__ = ["KnownAddresses"]

_MOST: Final = 10
_DAY: Final = 86400.0
_LIFETIME: Final = 90 * _DAY


class KnownAddresses:
    """Addresses in the database. Implements `KnownAddressStore`.

    When one was seen is written once a day at most: a login is a read more, mostly.
    """

    def __init__(self, database: Database) -> None:
        sql = database.driver.sql
        self._database = database
        self._values = database.driver.values
        self._select = sql(
            "SELECT digest, seen_at FROM sentri_known_addresses WHERE user_id = ? ORDER BY seen_at DESC, digest"
        )
        self._insert = sql("INSERT INTO sentri_known_addresses (digest, user_id, seen_at) VALUES (?, ?, ?)")
        self._update = sql("UPDATE sentri_known_addresses SET seen_at = ? WHERE digest = ?")
        self._delete = sql("DELETE FROM sentri_known_addresses WHERE digest = ?")
        self._purge = Purge(database, "sentri_known_addresses", key="digest", kind="text", instant="seen_at")
        self._following = sql(
            "SELECT digest, seen_at FROM sentri_known_addresses WHERE digest > ? ORDER BY digest LIMIT ?"
        )

    async def remember(self, user_id: str, digests: Sequence[bytes], *, now: float) -> None:
        seen = await self._seen(user_id)
        names = [digest.hex() for digest in digests]
        known = next((name for name in names if name in seen), None)
        if known is not None and seen[known] > now - _DAY:
            return
        if known is None:
            await self._add(names[0], user_id, now)
        else:
            await self._run(self._update, self._values.time(now), known)
        others = [name for name in seen if name != known]
        for number, name in enumerate(others):
            if number >= _MOST - 1 or seen[name] <= now - _LIFETIME:
                await self._run(self._delete, name)

    async def knows(self, user_id: str, digests: Sequence[bytes], *, now: float) -> bool:
        seen = list((await self._seen(user_id)).items())[:_MOST]
        names = {digest.hex() for digest in digests}
        return any(name in names and at > now - _LIFETIME for name, at in seen)

    async def purge(self, *, after: str, now: float, most: int) -> tuple[int, str | None]:
        """A step of a walk through the table, along its primary key. An index of when each was seen would make it a
        look-up; every login would write to that.
        """
        before = now - _LIFETIME
        rows = await self._database.call(lambda session: session.rows(self._following, after, most))
        old = [row["digest"] for row in rows if self._values.seconds(row["seen_at"]) <= before]
        return await self._purge.run(old, before=before), rows[-1]["digest"] if len(rows) == most else None

    async def _seen(self, user_id: str) -> dict[str, float]:
        """The user's digests and when each was seen, the latest first."""
        if not is_id(user_id):
            return {}
        rows = await self._database.call(lambda session: session.rows(self._select, user_id))
        return {row["digest"]: self._values.seconds(row["seen_at"]) for row in rows}

    async def _add(self, name: str, user_id: str, now: float) -> None:
        if is_id(user_id):
            try:
                await self._run(self._insert, name, user_id, self._values.time(now))
            except UniqueViolation:  # another login of the same moment
                return

    async def _run(self, sql: str, *values: object) -> None:
        await self._database.call(lambda session: session.run(sql, *values))
