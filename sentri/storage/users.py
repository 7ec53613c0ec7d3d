"""`sentri_users`: the `UserStore` of the flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sentri.accounts.stores import Change, UserFilter, UserRecord
from sentri.errors import SentriError
from sentri.storage.database import Database
from sentri.storage.drivers import Session
from sentri.storage.failures import StillReferenced, UniqueViolation
from sentri.storage.records import INSERT_USERS, USER_COLUMNS, USER_PLACES, user_of, user_row
from sentri.storage.user_imports import UserImports
from sentri.storage.user_pages import UserPages
from sentri.storage.values import is_id

__all__ = ["Users"]


class Users:
    """Users in the database. Implements `UserStore`."""

    def __init__(self, database: Database) -> None:
        sql = database.driver.sql
        self._database = database
        self._values = database.driver.values
        self._pages = UserPages(database)
        self._imports = UserImports(database)
        self._insert = sql(INSERT_USERS + USER_PLACES)
        self._select_by_id = sql("SELECT {user} FROM sentri_users u WHERE u.id = ?", user=USER_COLUMNS)
        self._select_by_key = sql("SELECT {user} FROM sentri_users u WHERE u.identifier_key = ?", user=USER_COLUMNS)
        self._select_locked = sql("SELECT {user} FROM sentri_users u WHERE u.id = ? {for_update}", user=USER_COLUMNS)
        self._update_hash = sql("UPDATE sentri_users SET password_hash = ? WHERE id = ? AND password_hash = ?")
        self._update_identifier = sql("UPDATE sentri_users SET identifier = ?, identifier_key = ? WHERE id = ?")
        self._update_roles = sql("UPDATE sentri_users SET roles = ? WHERE id = ?")
        self._overwrite_hash = sql("UPDATE sentri_users SET password_hash = ? WHERE id = ?")
        self._update_disabled = sql("UPDATE sentri_users SET disabled_at = ? WHERE id = ?")
        self._delete = sql("DELETE FROM sentri_users WHERE id = ?")
        self._delete_addresses = sql("DELETE FROM sentri_known_addresses WHERE user_id = ?")
        self._delete_sessions = sql("DELETE FROM sentri_sessions WHERE user_id = ?")

    async def add(self, user: UserRecord) -> bool:
        """Insert the user; False when the identifier key is taken, decided by the unique index."""
        row = user_row(user, self._values)
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

    async def add_all(self, users: Sequence[UserRecord]) -> Mapping[int, str]:
        """Insert all of them in one transaction, or none: nothing, or the positions of those that are in the way, each
        with `"identifier"` or `"id"`, whichever somebody has.
        """
        return await self._imports.add_all(users)

    async def in_the_way(self, users: Sequence[UserRecord]) -> Mapping[int, str]:
        """What `add_all` would answer with now; nothing is inserted."""
        return await self._imports.in_the_way(users)

    async def page(
        self, wanted: UserFilter, *, after: str | None, most: int
    ) -> tuple[Sequence[UserRecord], str | None]:
        """The next users in the order of their keys' bytes, at most so many, and the key to go on `after`."""
        return await self._pages.page(wanted, after=after, most=most)

    async def replace_password(self, user_id: str, *, renewed: str) -> bool:
        """Write `renewed` over whatever hash there is and end every session of the user, in one transaction.

        In the order of `change_password`, and for its reasons.
        """
        if not is_id(user_id):
            return False

        async def work(session: Session) -> bool:
            if await session.run(self._overwrite_hash, renewed, user_id) != 1:
                return False
            await session.run(self._delete_sessions, user_id)
            return True

        return await self._database.unit(work)

    async def set_disabled(self, user_id: str, *, at: float | None) -> UserRecord | None:
        """Disable the user and end every session of theirs, in one transaction; with None, enable them.

        The row is locked first: a login that was faster is committed, and its session goes; a later one finds the user
        disabled.
        """
        if not is_id(user_id):
            return None

        async def work(session: Session) -> UserRecord | None:
            row = await session.row(self._select_locked, user_id)
            if row is None:
                return None
            user = user_of(row, self._values)
            if (user.disabled_at is None) is not (at is None):
                await session.run(self._update_disabled, self._values.optional_time(at), user_id)
            if at is not None:
                await session.run(self._delete_sessions, user_id)
            return user

        return await self._database.unit(work)

    async def delete(self, user_id: str) -> UserRecord | None:
        """Delete the user with their sessions and known addresses, in one transaction.

        The user as they were; None when there is no such user. Raises `USER_IN_USE` where a row of the host's points at
        them. The row is locked first, as in `set_disabled`.
        """
        if not is_id(user_id):
            return None

        async def work(session: Session) -> UserRecord | None:
            row = await session.row(self._select_locked, user_id)
            if row is None:
                return None
            for statement in (self._delete_addresses, self._delete_sessions, self._delete):
                await session.run(statement, user_id)
            return user_of(row, self._values)

        try:
            return await self._database.unit(work)
        except StillReferenced:
            message = "Something of the application's still belongs to this user; disable them, or delete that first."
            raise SentriError("USER_IN_USE", message) from None

    async def _one(self, sql: str, value: object) -> UserRecord | None:
        row = await self._database.call(lambda session: session.row(sql, value))
        return None if row is None else user_of(row, self._values)
