"""`sentri_users`: the `UserStore` of the flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sentri.accounts.stores import Change, UserRecord
from sentri.storage.database import Database
from sentri.storage.drivers import Session
from sentri.storage.failures import UniqueViolation
from sentri.storage.records import USER_COLUMNS, user_of
from sentri.storage.values import is_id

__all__ = ["Users"]


class Users:
    """Users in the database. Implements `UserStore`."""

    def __init__(self, database: Database) -> None:
        sql = database.driver.sql
        self._database = database
        self._values = database.driver.values
        self._insert = sql(
            "INSERT INTO sentri_users (id, identifier, identifier_key, password_hash, roles, created_at, disabled_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        self._select_by_id = sql("SELECT {user} FROM sentri_users u WHERE u.id = ?", user=USER_COLUMNS)
        self._select_by_key = sql("SELECT {user} FROM sentri_users u WHERE u.identifier_key = ?", user=USER_COLUMNS)
        self._select_locked = sql("SELECT {user} FROM sentri_users u WHERE u.id = ? {for_update}", user=USER_COLUMNS)
        self._update_hash = sql("UPDATE sentri_users SET password_hash = ? WHERE id = ? AND password_hash = ?")
        self._update_identifier = sql("UPDATE sentri_users SET identifier = ?, identifier_key = ? WHERE id = ?")
        self._update_roles = sql("UPDATE sentri_users SET roles = ? WHERE id = ?")
        self._delete_sessions = sql("DELETE FROM sentri_sessions WHERE user_id = ?")

    async def add(self, user: UserRecord) -> bool:
        """Insert the user; False when the identifier key is taken, decided by the unique index."""
        values = self._values
        row = (
            user.id,
            user.identifier,
            values.key(user.identifier_key),
            user.password_hash,
            values.roles(user.roles),
            values.time(user.created_at),
            values.optional_time(user.disabled_at),
        )
        try:
            return await self._database.call(lambda session: session.run(self._insert, *row)) == 1
        except UniqueViolation:
            return False

    async def by_id(self, user_id: str) -> UserRecord | None:
        """The user with this id."""
        return await self._one(self._select_by_id, user_id) if is_id(user_id) else None

    async def by_key(self, identifier_key: str) -> UserRecord | None:
        """The user with exactly this key."""
        return await self._one(self._select_by_key, self._values.key(identifier_key))

    async def renew_hash(self, user_id: str, *, verified: str, renewed: str) -> bool:
        """Write `renewed` only over the very hash that was verified; False when it has changed meanwhile."""
        if not is_id(user_id):
            return False
        return await self._database.call(lambda s: s.run(self._update_hash, renewed, user_id, verified)) == 1

    async def change_password(self, user_id: str, *, verified: str, renewed: str) -> bool:
        """Write `renewed` over `verified` and end every session of the user, in one transaction.

        The UPDATE comes first: from then on the row is locked, and no session can start (`Sessions.start` shares
        that lock). Whatever started before is committed, and the DELETE sees it.
        """
        if not is_id(user_id):
            return False

        async def work(session: Session) -> bool:
            if await session.run(self._update_hash, renewed, user_id, verified) != 1:
                return False
            await session.run(self._delete_sessions, user_id)
            return True

        return await self._database.unit(work)

    async def change_identifier(self, user_id: str, *, identifier: str, identifier_key: str) -> Change:
        """Change both columns. TAKEN when another user has the key; MISSING when there is no such user."""
        if not is_id(user_id):
            return Change.MISSING
        row = (identifier, self._values.key(identifier_key), user_id)
        try:
            found = await self._database.call(lambda session: session.run(self._update_identifier, *row))
        except UniqueViolation:
            return Change.TAKEN
        return Change.DONE if found else Change.MISSING

    async def change_roles(
        self, user_id: str, decide: Callable[[tuple[str, ...]], tuple[str, ...]]
    ) -> UserRecord | None:
        """Replace the user's roles by `decide(current roles)` under a row lock, so that no two changes are lost.

        The user as they are afterwards; None when there is no such user. After a deadlock `decide` is asked again;
        what it raises is raised here, and nothing has changed.
        """
        if not is_id(user_id):
            return None

        async def work(session: Session) -> UserRecord | None:
            row = await session.row(self._select_locked, user_id)
            if row is None:
                return None
            user = user_of(row, self._values)
            changed = replace(user, roles=decide(user.roles))
            if changed != user:
                await session.run(self._update_roles, self._values.roles(changed.roles), user_id)
            return changed

        return await self._database.unit(work)

    async def _one(self, sql: str, value: object) -> UserRecord | None:
        row = await self._database.call(lambda session: session.row(sql, value))
        return None if row is None else user_of(row, self._values)
