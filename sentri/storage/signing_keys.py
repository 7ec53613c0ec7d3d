"""`sentri_keys`: the `KeyStore` of the signing keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sentri.keys.records import KeyRecord
from sentri.storage.database import Database
from sentri.storage.drivers import Row, Session
from sentri.storage.failures import StorageError, UniqueViolation
from sentri.storage.values import Values

__all__ = ["SigningKeys"]

_COLUMNS: Final = (
    "kid, purpose, generation, algorithm, public_key, private_key, created_at, signs_at, retired_at, token_lifetime"
)


class SigningKeys:
    """Signing keys in the database. Implements `KeyStore`."""

    def __init__(self, database: Database) -> None:
        sql = database.driver.sql
        self._database = database
        self._values = database.driver.values
        self._select = sql("SELECT {columns} FROM sentri_keys ORDER BY purpose, generation", columns=_COLUMNS)
        self._probe = sql("SELECT {columns} FROM sentri_keys WHERE 1 = 0", columns=_COLUMNS)
        self._insert = sql(
            "INSERT INTO sentri_keys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", columns=_COLUMNS
        )
        self._end = sql(
            "UPDATE sentri_keys SET retired_at = ?, private_key = NULL WHERE kid = ? AND retired_at IS NULL"
        )
        self._end_waiting = sql(
            "UPDATE sentri_keys SET retired_at = ?, private_key = NULL"
            " WHERE purpose = ? AND generation > ? AND signs_at > ? AND retired_at IS NULL"
        )
        self._wipe = sql("UPDATE sentri_keys SET private_key = NULL WHERE kid = ? AND private_key IS NOT NULL")
        self._forget = sql("DELETE FROM sentri_keys WHERE kid = ? AND private_key IS NULL")
        self._reencrypt = sql("UPDATE sentri_keys SET private_key = ? WHERE kid = ? AND private_key = ?")
        self._raise = sql("UPDATE sentri_keys SET token_lifetime = ? WHERE kid = ? AND token_lifetime < ?")

    async def ready(self) -> bool:
        """Whether the table is there with all of its columns: before a migration it may not be."""
        try:
            await self._database.call(lambda session: session.rows(self._probe))
        except StorageError:
            return False
        return True

    async def read(self, *, within: float | None = None) -> Sequence[KeyRecord]:
        """All keys. With `within` (seconds) a database that does not answer is not logged: the caller tells of it."""
        rows = await self._database.call(lambda session: session.rows(self._select), within=within, told=within is None)
        return [_record_of(row, self._values) for row in rows]

    async def add(self, *records: KeyRecord) -> bool:
        """Insert the keys; False when the generation of one is taken, decided by the unique index."""

        async def work(session: Session) -> None:
            for record in records:
                await self._inserted(session, record)

        try:
            await self._database.unit(work)
        except UniqueViolation:
            return False
        return True

    async def replace(self, ended: KeyRecord, successor: KeyRecord, *, signing_since: float) -> bool | None:
        """End the key and what waits, insert `successor`. The first UPDATE locks the row: of two, the second waits, and
        finds it ended. A key that somebody adds meanwhile takes the generation: then nothing happens.
        """
        now, since = self._values.time(successor.created_at), self._values.time(signing_since)

        async def work(session: Session) -> bool:
            if await session.run(self._end, now, ended.kid) != 1:
                return False
            await session.run(self._end_waiting, now, ended.purpose, ended.generation, since)
            await self._inserted(session, successor)
            return True

        try:
            return await self._database.unit(work)
        except UniqueViolation:
            return None

    async def withdraw(self, kid: str, now: float) -> bool:
        """End and wipe one key; False when it was ended already."""
        return await self._database.call(lambda s: s.run(self._end, self._values.time(now), kid)) == 1

    async def wipe(self, kid: str) -> bool:
        """Forget the private part of a key."""
        return await self._database.call(lambda session: session.run(self._wipe, kid)) == 1

    async def forget(self, kid: str) -> bool:
        """Delete one key whose private part is gone; False for one that still has it, or that is not there."""
        return await self._database.call(lambda session: session.run(self._forget, kid)) == 1

    async def reencrypt(self, kid: str, before: str, after: str) -> bool:
        """Write the private part anew, over the very text that was read."""
        return await self._database.call(lambda session: session.run(self._reencrypt, after, kid, before)) == 1

    async def raise_lifetime(self, kid: str, seconds: float) -> bool:
        """Let `token_lifetime` be at least so long."""
        return await self._database.call(lambda session: session.run(self._raise, seconds, kid, seconds)) == 1

    async def _inserted(self, session: Session, record: KeyRecord) -> int:
        time = self._values.time
        return await session.run(
            self._insert,
            record.kid,
            record.purpose,
            record.generation,
            record.algorithm,
            None if record.public_key is None else json.dumps(record.public_key),
            record.private_key,
            time(record.created_at),
            time(record.signs_at),
            self._values.optional_time(record.retired_at),
            record.token_lifetime,
        )


def _record_of(row: Row, values: Values) -> KeyRecord:
    public = row["public_key"]
    return KeyRecord(
        kid=row["kid"],
        purpose=row["purpose"],
        generation=row["generation"],
        algorithm=row["algorithm"],
        public_key=None if public is None else json.loads(public),
        private_key=row["private_key"],
        created_at=values.seconds(row["created_at"]),
        signs_at=values.seconds(row["signs_at"]),
        retired_at=values.optional_seconds(row["retired_at"]),
        token_lifetime=row["token_lifetime"],
    )
