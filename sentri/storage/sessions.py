"""`sentri_sessions`: the `SessionStore` of the flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sentri.accounts.stores import ActiveSession, SessionRecord, UserRecord
from sentri.clock import Clock
from sentri.coalescing import Coalescer
from sentri.errors import SentriError
from sentri.storage.database import Database
from sentri.storage.failures import StorageError, unavailable
from sentri.storage.records import SESSION_COLUMNS, USER_COLUMNS, session_of, user_of
from sentri.storage.values import is_id

__all__ = ["Sessions"]

_ACTIVE: Final = (
    "SELECT s.id, s.user_id, u.identifier, u.roles FROM sentri_sessions s JOIN sentri_users u ON u.id = s.user_id"
    " WHERE s.id {among} AND s.expires_at > ? AND u.disabled_at IS NULL"
)
# The user's row is read under a shared lock: a change of password that holds it has to commit first (and the hash
# is compared again with what it wrote), or it waits for this session's commit and then deletes it.
_INSERT: Final = (
    "INSERT INTO sentri_sessions (id, user_id, created_at, expires_at, jti, previous_jti, rotated_at)"
    " SELECT ?, u.id, ?, ?, ?, ?, ? FROM sentri_users u WHERE u.id = ? AND u.disabled_at IS NULL"
)


class Sessions:
    """Sessions in the database. Implements `SessionStore`.

    Args:
        database: where they are.
        clock: tells which of them are expired.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        sql = database.driver.sql
        self._database = database
        self._driver = database.driver
        self._values = database.driver.values
        self._clock = clock
        self._active = Coalescer(self._fetch_active, failure=_own_failure, timeout=database.timeout + 1)
        self._select_active = self._active_sql(1)
        self._select = sql(
            "SELECT {session}, {user} FROM sentri_sessions s JOIN sentri_users u ON u.id = s.user_id WHERE s.id = ?",
            session=SESSION_COLUMNS,
            user=USER_COLUMNS,
        )
        self._insert = sql(_INSERT + " {for_share}")
        self._insert_verified = sql(_INSERT + " AND u.password_hash = ? {for_share}")
        self._update = sql(
            "UPDATE sentri_sessions SET jti = ?, previous_jti = ?, rotated_at = ?, expires_at = ?"
            " WHERE id = ? AND jti = ? AND expires_at > ? AND EXISTS"
            " (SELECT 1 FROM sentri_users u WHERE u.id = sentri_sessions.user_id AND u.disabled_at IS NULL)"
        )
        self._delete = sql("DELETE FROM sentri_sessions WHERE id = ?")
        self._delete_all = sql("DELETE FROM sentri_sessions WHERE user_id = ?")

    async def find_active(self, session_id: str) -> ActiveSession | None:
        """The session, if at this moment it exists, is unexpired and its user is enabled. The hot path.

        Look-ups that wait at the same time travel in one query; an answer is never older than the call.
        """
        return await self._active.get(session_id) if is_id(session_id) else None

    async def read(self, session_id: str) -> tuple[SessionRecord, UserRecord] | None:
        """The session with its user, expired or disabled too."""
        if not is_id(session_id):
            return None
        row = await self._database.call(lambda session: session.row(self._select, session_id))
        return None if row is None else (session_of(row, self._values), user_of(row, self._values))

    async def start(self, session: SessionRecord, *, verified_hash: str | None) -> bool:
        """Insert the session only if its user exists, is enabled and, where given, still has `verified_hash`.

        One statement, which waits for a change of password that runs at the same time: whichever commits first,
        no session of an old password survives.
        """
        time = self._values.time
        row = (
            session.id,
            time(session.created_at),
            time(session.expires_at),
            session.jti,
            session.previous_jti,
            time(session.rotated_at),
            session.user_id,
        )
        if verified_hash is None:
            return await self._database.call(lambda s: s.run(self._insert, *row)) == 1
        return await self._database.call(lambda s: s.run(self._insert_verified, *row, verified_hash)) == 1

    async def rotate(self, session_id: str, *, presented: str, successor: str, now: float, expires_at: float) -> bool:
        """Make `successor` the good jti and `presented` its predecessor, only if `presented` is good now, the
        session is unexpired at `now` and its user is enabled. One conditional UPDATE.
        """
        if not is_id(session_id):
            return False
        moment, end = self._values.time(now), self._values.time(expires_at)
        row = (successor, presented, moment, end, session_id, presented, moment)
        return await self._database.call(lambda session: session.run(self._update, *row)) == 1

    async def end(self, session_id: str) -> bool:
        """Delete the session; True when this call deleted it."""
        if not is_id(session_id):
            return False
        return await self._database.call(lambda session: session.run(self._delete, session_id)) == 1

    async def end_all(self, user_id: str) -> int:
        """Delete every session of the user; how many there were."""
        if not is_id(user_id):
            return 0
        return await self._database.call(lambda session: session.run(self._delete_all, user_id))

    async def _fetch_active(self, ids: Sequence[str]) -> Mapping[str, ActiveSession]:
        sql = self._select_active if len(ids) == 1 else self._active_sql(len(ids))
        now = self._values.time(self._clock())
        rows = await self._database.call(lambda session: session.rows(sql, *self._driver.ids(ids), now))
        return {
            str(row["id"]): ActiveSession(
                user_id=str(row["user_id"]),
                identifier=row["identifier"],
                roles=self._values.read_roles(row["roles"]),
            )
            for row in rows
        }

    def _active_sql(self, count: int) -> str:
        return self._driver.sql(_ACTIVE, among=self._driver.among(count))


def _own_failure(error: Exception) -> Exception:
    """One look-up's exception: a shared one would collect the tracebacks of all who wait."""
    match error:
        case StorageError():
            return StorageError(error.fault)
        case SentriError() | TimeoutError() | ConnectionError():
            return unavailable()
        case _:
            return error
