"""`sentri_sessions`: the `SessionStore` of the flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sentri.accounts.stores import ActiveSession, SessionRecord, Started, UserRecord
from sentri.clock import Clock
from sentri.coalescing import Coalescer
from sentri.errors import SentriError
from sentri.storage.database import Database
from sentri.storage.drivers import ReturningSession, Session
from sentri.storage.failures import StorageError, unavailable
from sentri.storage.measuring import measured
from sentri.storage.purging import Purge
from sentri.storage.records import SESSION_COLUMNS, USER_COLUMNS, session_of, user_of
from sentri.storage.values import is_id
from sentri.telemetry import OFF, Telemetry

__all__ = ["Sessions"]

_ACTIVE: Final = (
    "SELECT s.id, s.user_id, u.identifier, u.roles FROM sentri_sessions s JOIN sentri_users u ON u.id = s.user_id"
    " WHERE s.id {among} AND s.expires_at > ? AND u.disabled_at IS NULL"
)
# The user's row is read under a shared lock: a change of password that holds it has to commit first (and the hash
# is compared again with what it wrote), or it waits for this session's commit and then deletes it.
_INSERT: Final = (
    "INSERT INTO sentri_sessions"
    " (id, user_id, created_at, expires_at, jti, previous_jti, rotated_at, device, address)"
    " SELECT ?, u.id, ?, ?, ?, ?, ?, ?, ? FROM sentri_users u WHERE u.id = ? AND u.disabled_at IS NULL"
)
_SELECT: Final = (
    "SELECT {session}, {user} FROM sentri_sessions s JOIN sentri_users u ON u.id = s.user_id WHERE s.id {among}"
)
_OF_USER: Final = (
    "SELECT {session}, {user} FROM sentri_sessions s JOIN sentri_users u ON u.id = s.user_id"
    " WHERE s.user_id = ? AND s.expires_at > ? {further} ORDER BY s.created_at DESC, s.id DESC LIMIT ?"
)
_FURTHER: Final = "AND (s.created_at < ? OR (s.created_at = ? AND s.id < ?))"
_ROTATE: Final = (
    "UPDATE sentri_sessions SET jti = ?, previous_jti = ?, rotated_at = ?, expires_at = ?"
    " WHERE id = ? AND jti = ? AND expires_at > ? AND EXISTS"
    " (SELECT 1 FROM sentri_users u WHERE u.id = sentri_sessions.user_id AND u.disabled_at IS NULL)"
)
_EXPIRED: Final = "SELECT id FROM sentri_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
_EVICTED_AT_A_TIME: Final = 500  # where the limit is new, somebody may have tens of thousands
_ROTATION_LANES: Final = 4  # so that one session whose row somebody holds does not keep all others waiting
_Rotation = tuple[Any, ...]  # the values of _ROTATE


class Sessions:
    """Sessions in the database. Implements `SessionStore`.

    Args:
        database: where they are.
        clock: tells which of them are expired.
        telemetry: measures the look-ups of the hot path.
    """

    def __init__(self, database: Database, clock: Clock, telemetry: Telemetry = OFF) -> None:
        sql = database.driver.sql
        self._database = database
        self._driver = database.driver
        self._values = database.driver.values
        self._clock = clock
        fetch_active = measured(self._fetch_active, telemetry, dialect=database.dialect)
        self._active = Coalescer(fetch_active, failure=_own_failure, timeout=database.timeout + 1)
        self._select_active = self._active_sql(1)
        self._known = Coalescer(self._fetch, failure=_own_failure, timeout=database.timeout + 1)
        self._select = self._select_sql(1)
        self._insert = sql(_INSERT + " {for_share}")
        self._insert_verified = sql(_INSERT + " AND u.password_hash = ? {for_share}")
        self._update = sql(_ROTATE)
        self._update_returning = sql(_ROTATE + " RETURNING id, jti")
        self._rotations = Coalescer(
            self._rotate_all, failure=_own_failure, lanes=_ROTATION_LANES, timeout=database.timeout + 1
        )
        self._delete = sql("DELETE FROM sentri_sessions WHERE id = ?")
        self._delete_own = sql("DELETE FROM sentri_sessions WHERE id = ? AND user_id = ?")
        self._delete_all = sql("DELETE FROM sentri_sessions WHERE user_id = ?")
        self._first = sql(_OF_USER, session=SESSION_COLUMNS, user=USER_COLUMNS, further="")
        self._further = sql(_OF_USER, session=SESSION_COLUMNS, user=USER_COLUMNS, further=_FURTHER)
        self._describe = sql(
            "UPDATE sentri_sessions SET device = ?, address = ? WHERE id = ? AND device IS NULL AND address IS NULL"
        )
        self._lock_user = sql("SELECT u.id FROM sentri_users u WHERE u.id = ? {for_update}")
        self._others = sql(
            "SELECT id FROM sentri_sessions WHERE user_id = ? AND id <> ? ORDER BY rotated_at DESC, created_at DESC, id"
        )
        self._expired = sql(_EXPIRED)
        self._purge = Purge(database, "sentri_sessions", key="id", kind="uuid", instant="expires_at")

    async def find_active(self, session_id: str) -> ActiveSession | None:
        """The session, if at this moment it exists, is unexpired and its user is enabled. The hot path.

        Look-ups that wait at the same time travel in one query; an answer is never older than the call.
        """
        return await self._active.get(session_id) if is_id(session_id) else None

    async def read(self, session_id: str) -> tuple[SessionRecord, UserRecord] | None:
        """The session with its user, expired or disabled too. Those who wait at the same time travel in one query."""
        return await self._known.get(session_id) if is_id(session_id) else None

    async def start(
        self, session: SessionRecord, *, verified_hash: str | None, most: int | None = None
    ) -> Started | None:
        """Insert the session only if its user exists, is enabled and, where given, still has `verified_hash`.

        One statement, which waits for a change of password that runs at the same time: whichever commits first,
        no session of an old password survives. With `most` it is a transaction that has the user's row to itself. None
        where nothing was inserted.
        """
        time = self._values.time
        row = (
            session.id,
            time(session.created_at),
            time(session.expires_at),
            session.jti,
            session.previous_jti,
            time(session.rotated_at),
            session.device,
            session.address,
            session.user_id,
        )
        insert = (self._insert, *row) if verified_hash is None else (self._insert_verified, *row, verified_hash)
        if most is None:
            return Started() if await self._database.call(lambda s: s.run(*insert)) == 1 else None

        async def work(connection: Session) -> Started | None:
            await connection.row(self._lock_user, session.user_id)
            if await connection.run(*insert) != 1:
                return None
            others = await connection.rows(self._others, session.user_id, session.id)
            evicted = tuple(str(other["id"]) for other in others[most - 1 :])
            for start in range(0, len(evicted), _EVICTED_AT_A_TIME):
                some = evicted[start : start + _EVICTED_AT_A_TIME]
                await connection.run(self._delete_sql(len(some)), *self._driver.ids(some))
            return Started(evicted)

        return await self._database.unit(work)

    async def rotate(self, session_id: str, *, presented: str, successor: str, now: float, expires_at: float) -> bool:
        """Make `successor` the good jti and `presented` its predecessor, only if `presented` is good now, the
        session is unexpired at `now` and its user is enabled. One conditional UPDATE.

        Where the database takes many in one round trip, those that wait at the same time share a commit.
        """
        if not is_id(session_id):
            return False
        moment, end = self._values.time(now), self._values.time(expires_at)
        row = (successor, presented, moment, end, session_id, presented, moment)
        if self._driver.returns:
            return await self._rotations.get(row) is True
        return await self._database.call(lambda session: session.run(self._update, *row)) == 1

    async def end(self, session_id: str, *, of: str | None = None) -> bool:
        """Delete the session, with `of` only if it is that user's; True when this call deleted it."""
        if not is_id(session_id) or (of is not None and not is_id(of)):
            return False
        delete = (self._delete, session_id) if of is None else (self._delete_own, session_id, of)
        return await self._database.call(lambda session: session.run(*delete)) == 1

    async def end_all(self, user_id: str) -> int:
        """Delete every session of the user; how many there were."""
        if not is_id(user_id):
            return 0
        return await self._database.call(lambda session: session.run(self._delete_all, user_id))

    async def page(
        self, user_id: str, *, now: float, after: tuple[float, str] | None, most: int
    ) -> Sequence[SessionRecord]:
        """The user's sessions that are unexpired at `now`, the latest login first, at most so many."""
        if not is_id(user_id):
            return []
        moment = self._values.time(now)
        query: tuple[Any, ...] = (self._first, user_id, moment, most)
        if after is not None:
            seen = self._values.time(after[0])
            query = (self._further, user_id, moment, seen, seen, after[1], most)
        rows = await self._database.call(lambda session: session.rows(*query))
        return [session_of(row, self._values) for row in rows]

    async def describe(self, session_id: str, *, device: str | None, address: str | None) -> bool:
        """Write down where a session comes from that says nothing of it yet; False where there is none."""
        if not is_id(session_id):
            return False
        return await self._database.call(lambda s: s.run(self._describe, device, address, session_id)) == 1

    async def purge(self, *, before: float, most: int) -> int:
        """Delete at most so many sessions that had expired by then, the oldest first; how many there were.

        It locks the rows that it deletes and no other, and waits for none: what somebody else has locked, a refresh or
        another purge, is left out.
        """
        rows = await self._database.call(lambda session: session.rows(self._expired, self._values.time(before), most))
        return await self._purge.run([str(row["id"]) for row in rows], before=before)

    async def _fetch(self, ids: Sequence[str]) -> Mapping[str, tuple[SessionRecord, UserRecord]]:
        sql = self._select if len(ids) == 1 else self._select_sql(len(ids))
        rows = await self._database.call(lambda session: session.rows(sql, *self._driver.ids(ids)))
        return {
            found.id: (found, user_of(row, self._values)) for row in rows for found in (session_of(row, self._values),)
        }

    async def _rotate_all(self, rows: Sequence[_Rotation]) -> Mapping[_Rotation, bool]:
        """Those that were rotated. Each decides for itself, and a failure is everybody's: nothing happened."""
        ordered = sorted(rows, key=_session_id)  # in one order everywhere: no two batches wait for each other's rows
        changed = await self._database.call(
            lambda session: cast("ReturningSession", session).returned(self._update_returning, ordered)
        )
        won = {(str(row["id"]), row["jti"]) for row in changed}
        return {row: True for row in rows if (_session_id(row), row[0]) in won}

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

    def _select_sql(self, count: int) -> str:
        among = self._driver.among(count)
        return self._driver.sql(_SELECT, session=SESSION_COLUMNS, user=USER_COLUMNS, among=among)

    def _delete_sql(self, count: int) -> str:
        return self._driver.sql("DELETE FROM sentri_sessions WHERE id {among}", among=self._driver.among(count))

    def _active_sql(self, count: int) -> str:
        return self._driver.sql(_ACTIVE, among=self._driver.among(count))


def _session_id(rotation: _Rotation) -> str:
    return str(rotation[4])


def _own_failure(error: Exception) -> Exception:
    """One look-up's exception: a shared one would collect the tracebacks of all who wait."""
    match error:
        case StorageError():
            return StorageError(error.fault)
        case SentriError() | TimeoutError() | ConnectionError():
            return unavailable()
        case _:
            return error
