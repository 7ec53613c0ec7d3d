"""`auth.users`: the users of a server, for those who administer them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

from sentri.accounts.administration import creating, deleting, disabling, importing, password_setting, user_list
from sentri.accounts.administration import role_changes as roles_of
from sentri.accounts.administration.importing import Existing
from sentri.accounts.administration.records import ImportReport, Page, UserInfo
from sentri.accounts.context import Context
from sentri.accounts.identifiers import clean_identifier
from sentri.accounts.inputs import check_id, clean_roles, identifier_to_set, password_to_set

__all__ = ["UserAdministration"]


class UserAdministration:
    """Users as Python functions, for scripts and for the host's own administration.

    Callers are trusted: input is validated, and nothing else is asked; what an admin may not do to themself over HTTP
    they may here. `actor_id` is the id of whoever does it, for the events; None where nobody is logged in, as in a
    script. The first call opens the auth object where it is not open.

    Every function may raise `SentriError` with `VALIDATION_ERROR` for its input, `USER_NOT_FOUND` for an id that is
    nobody's, and `SERVICE_UNAVAILABLE` while the database does not answer.
    """

    def __init__(self, context: Context, ready: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._ready = ready

    async def list(
        self,
        *,
        search: str | None = None,
        contains: str | None = None,
        role: str | None = None,
        disabled: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[UserInfo]:
        """A page of the users for whom all of it holds, in the order of their identifiers.

        Identifiers are compared as for a login, without regard to case. A cursor holds its place whoever comes and
        goes: nobody is there twice, or left out. `search` is found in an index; the other conditions are in none, so a
        call looks at 10,000 users at most, and its page may be short, or empty, with a `next_cursor`.

        Args:
            search: what identifiers begin with.
            contains: what they have in them, anywhere.
            role: one that the users have.
            disabled: True for those who are, False for those who are not.
            limit: of the page, from 1 to 100.
            cursor: `next_cursor` of the page before.

        Raises `INVALID_ROLE` for a role that does not exist.
        """
        wanted = user_list.user_filter(self._context, search=search, contains=contains, role=role, disabled=disabled)
        await self._ready()
        return await user_list.list_users(self._context, wanted=wanted, limit=limit, cursor=cursor)

    async def get(self, user_id: str) -> UserInfo:
        """The user with this id."""
        await self._ready()
        return await user_list.get_user(self._context, user_id=check_id(user_id, "userId"))

    async def by_identifier(self, identifier: str) -> UserInfo:
        """The user who logs in with this, or with what counts as the same."""
        await self._ready()
        return await user_list.user_by_identifier(self._context, identifier=clean_identifier(identifier))

    async def create(
        self, identifier: str, password: str, roles: Collection[str] = (), *, actor_id: str | None = None
    ) -> UserInfo:
        """Make a user. Raises `USER_ALREADY_EXISTS`, `INVALID_ROLE`."""
        await self._ready()
        return await creating.create_user(
            self._context,
            identifier=await identifier_to_set(self._context, identifier),
            roles=clean_roles(self._context, roles),
            password=await password_to_set(self._context, password),
            actor_id=actor_id,
        )

    async def set_password(self, user_id: str, password: str, *, actor_id: str | None = None) -> None:
        """Give the user another password and end every session of theirs, in one transaction."""
        await self._ready()
        checked = await password_to_set(self._context, password)
        await password_setting.set_password(
            self._context, user_id=check_id(user_id, "userId"), password=checked, actor_id=actor_id
        )

    async def set_roles(self, user_id: str, roles: Collection[str], *, actor_id: str | None = None) -> UserInfo:
        """Give the user these roles and no others. Raises `INVALID_ROLE`."""
        return await self._change_roles(user_id, roles, roles_of.setting, actor_id)

    async def add_roles(self, user_id: str, roles: Collection[str], *, actor_id: str | None = None) -> UserInfo:
        """Give the user these roles beside those that they have. Raises `INVALID_ROLE`."""
        return await self._change_roles(user_id, roles, roles_of.adding, actor_id)

    async def remove_roles(self, user_id: str, roles: Collection[str], *, actor_id: str | None = None) -> UserInfo:
        """Take these roles from the user, where they have them. Raises `INVALID_ROLE`."""
        return await self._change_roles(user_id, roles, roles_of.removing, actor_id)

    async def disable(self, user_id: str, *, actor_id: str | None = None) -> UserInfo:
        """Let the user log in no more, and end every session of theirs, in one transaction."""
        await self._ready()
        return await disabling.disable(self._context, user_id=check_id(user_id, "userId"), actor_id=actor_id)

    async def enable(self, user_id: str, *, actor_id: str | None = None) -> UserInfo:
        """Let a user log in again who was disabled."""
        await self._ready()
        return await disabling.enable(self._context, user_id=check_id(user_id, "userId"), actor_id=actor_id)

    async def delete(self, user_id: str, *, actor_id: str | None = None) -> None:
        """Delete the user with their sessions and all else that sentri knows of them, in one transaction.

        Raises `USER_IN_USE` where a row of the host's, in the same database, points at them.
        """
        await self._ready()
        await deleting.delete_user(self._context, user_id=check_id(user_id, "userId"), actor_id=actor_id)

    async def import_many(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        all_or_nothing: bool = True,
        existing: Existing = "fail",
        actor_id: str | None = None,
        dry_run: bool = False,
    ) -> ImportReport:
        """Make many users at once: with the hashes of another system, or with passwords.

        A row is a mapping with `identifier`, either `password_hash` (bcrypt `$2a$`, `$2b$`, `$2y$` or Argon2id) or
        `password`, and if you like `roles`, `disabled`, `id` (a UUID) and `created_at` (seconds since the Unix epoch,
        or an aware datetime). Passwords are hashed on every processor, one after the other as far as logins are
        concerned; it takes a quarter of a second of one each, with the usual cost.

        Args:
            rows: read once, and where it is not all or nothing in batches of 500: a generator will do.
            all_or_nothing: in one transaction; where a row is wrong nobody is made, and `ImportRefused` (a
                `SentriError` with code `IMPORT_REFUSED`) has all of those rows in `failed`. With False every row
                counts for itself, and the report has those that failed.
            existing: what becomes of a row whose identifier somebody has, in the database or in a row before: it
                fails, or is skipped, so that an import that was interrupted can be repeated.
            actor_id: whoever does it.
            dry_run: make nobody, and hash nothing; report, or raise, what would be if nobody else came or went.
        """
        checked = importing.check_existing(existing)
        await self._ready()
        return await importing.import_users(
            self._context,
            rows=rows,
            all_or_nothing=all_or_nothing,
            existing=checked,
            actor_id=actor_id,
            dry_run=dry_run,
        )

    async def _change_roles(
        self,
        user_id: str,
        roles: Collection[str],
        change: Callable[[tuple[str, ...]], roles_of.Decision],
        actor_id: str | None,
    ) -> UserInfo:
        await self._ready()
        changed = await roles_of.change_roles(
            self._context,
            user_id=check_id(user_id, "userId"),
            decide=change(clean_roles(self._context, roles)),
            actor_id=actor_id,
        )
        return changed.user
