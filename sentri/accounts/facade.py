"""`auth.accounts`: the flows as Python functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TypeVar

from sentri.accounts import identifier_change, inputs, login, logout, password_change, refresh, registration, sessions
from sentri.accounts import roles as role_change
from sentri.accounts.context import Context
from sentri.accounts.purging import Purged
from sentri.identity import AuthUser, TokenPair
from sentri.session_origin import SessionOrigin

__all__ = ["Accounts"]

T = TypeVar("T")


class Accounts:
    """The built-in services, for scripts, for the host's own handlers, and to be wrapped by a replacement in `router`.

    Callers are trusted: input is validated, and nothing else is asked. No API key, no role, no rate limit; and no hook
    is told but `on_token_reuse`. The first call opens the auth object where it is not open.

    Every function may raise `SentriError` with `VALIDATION_ERROR` for its input and `SERVICE_UNAVAILABLE` while the
    database does not answer.
    """

    def __init__(self, context: Context, ready: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._ready = ready

    async def register(self, identifier: str, password: str, roles: Collection[str] = ()) -> AuthUser:
        """Make a user with any of the valid roles. Raises `USER_ALREADY_EXISTS`, `INVALID_ROLE`."""
        return await self._run("register", registration.register, identifier, password, roles)

    async def login(
        self, identifier: str, password: str, *, device: str | None = None, address: str | None = None
    ) -> TokenPair:
        """Start a session with a password. Raises `INVALID_CREDENTIALS`.

        Args:
            identifier: what the user logs in with.
            password: theirs.
            device: a `User-Agent`, for those who look at the user's sessions.
            address: an IP address, likewise.
        """
        origin = SessionOrigin.of(device, address)
        return await self._run("login", partial(login.login, origin=origin), identifier, password)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Rotate. Raises `TOKEN_INVALID`, `TOKEN_EXPIRED`, and `UNAUTHORIZED` for a session that has ended."""
        return await self._run("refresh", refresh.refresh, refresh_token)

    async def logout(self, session_id: str) -> bool:
        """End one session; True if it was there."""
        return await self._run("logout", logout.logout, session_id)

    async def logout_all(self, user_id: str) -> int:
        """End every session of the user; how many there were."""
        return await self._run("logout_all", logout.logout_all, user_id)

    async def assign_roles(self, user_id: str, roles: Collection[str]) -> AuthUser:
        """Merge the roles with those that the user has. Raises `USER_NOT_FOUND`, `INVALID_ROLE`."""
        user, _ = await self._run("assign_roles", role_change.assign_roles, user_id, roles)
        return user

    async def change_identifier(self, user_id: str, identifier: str) -> AuthUser:
        """Change what the user logs in with. Raises `USER_NOT_FOUND`, `USER_ALREADY_EXISTS`."""
        return await self._run("change_identifier", identifier_change.change_identifier, user_id, identifier)

    async def change_password(self, user_id: str, current_password: str, new_password: str) -> None:
        """Change the password and end every session of the user. Raises `USER_NOT_FOUND`, `INVALID_CREDENTIALS`."""
        await self._run("change_password", password_change.change_password, user_id, current_password, new_password)

    async def start_session(self, user_id: str, *, device: str | None = None, address: str | None = None) -> TokenPair:
        """Log the user in without a password (magic links, social login). Raises `USER_NOT_FOUND`, `FORBIDDEN`.

        `device` and `address` as for `login`.
        """
        await self._ready()
        origin = SessionOrigin.of(device, address)
        return await sessions.start_session(self._context, inputs.check_id(user_id, "user_id"), origin=origin)

    async def purge(self) -> Purged:
        """Delete what nobody needs any more, in batches of 500: every session that has expired, and every address of a
        login that was last seen 90 days ago.

        Logins do so by themselves now and then, a day after a session has expired.
        """
        await self._ready()
        return await self._context.purging.all()

    async def purge_sessions(self) -> int:
        """Delete every session that has expired, in batches of 500; how many there were."""
        await self._ready()
        return await self._context.purging.sessions()

    async def _run(self, name: str, flow: Callable[..., Awaitable[T]], *given: object) -> T:
        await self._ready()
        return await flow(self._context, **await inputs.VALIDATIONS[name](self._context, *given))
