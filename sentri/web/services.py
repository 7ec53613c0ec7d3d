"""The services behind the endpoints: built in, or replaced one by one by the `router` option."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from sentri.accounts import logout, roles, sessions
from sentri.accounts.context import Context
from sentri.accounts.facade import Accounts
from sentri.accounts.inputs import VALIDATIONS
from sentri.errors import SentriError
from sentri.identity import AuthUser, TokenPair
from sentri.session_origin import SessionOrigin

__all__ = ["Services"]

T = TypeVar("T")


class Services:
    """Calls a service by name, with named arguments.

    A replacement, plain or async, gets validated input and must answer with what the built-in one answers with.
    Everything around a service (API key, roles, hooks) is the endpoint's and stays; and what happened is told, unless
    the built-in one was called and has told it.
    """

    def __init__(self, accounts: Accounts, context: Context, replaced: Mapping[str, Any]) -> None:
        self._accounts = accounts
        self._context = context
        self._replaced = replaced
        self._tell = context.events.tell_unless_told

    def replaces(self, name: str) -> bool:
        """Whether the host replaced this service."""
        return name in self._replaced

    async def register(self, **given: Any) -> AuthUser:
        user = await self._call("register", AuthUser, given)
        if self.replaces("register"):
            await self._tell("user.registered", user_id=user.id, roles=user.roles)
        return user

    async def login(self, *, origin: SessionOrigin, **given: Any) -> TokenPair:
        """A replacement knows nothing of `origin`: it is written down for the session that it started."""
        if not self.replaces("login"):
            return await self._accounts.login(**given, device=origin.device, address=origin.address)
        try:
            pair = await self._call("login", TokenPair, given)
        except SentriError as error:
            if error.code == "INVALID_CREDENTIALS":
                await self._tell("login.failed")
            raise
        await sessions.describe(self._context, pair.user.session_id, origin)
        user = pair.user
        await self._tell("login.succeeded", user_id=user.id, session_id=user.session_id, method="router")
        return pair

    async def refresh(self, **given: Any) -> TokenPair:
        return await self._call("refresh", TokenPair, given)

    async def logout(self, session_id: str, *, user_id: str | None, reason: str) -> bool:
        """Whether a session was ended; a replacement that does not say so is believed to have ended it."""
        given = await VALIDATIONS["logout"](self._context, session_id)
        if not self.replaces("logout"):
            return await logout.logout(self._context, **given, user_id=user_id, reason=reason)
        ended = await self._call("logout", object, given) is not False
        if ended:
            await self._tell("session.revoked", user_id=user_id, session_id=session_id, reason=reason)
        return ended

    async def logout_all(self, *, user_id: str) -> None:
        await self._call("logout_all", object, {"user_id": user_id})
        if self.replaces("logout_all"):
            await self._tell("session.revoked", user_id=user_id, reason="logout_all")

    async def assign_roles(self, **given: Any) -> tuple[AuthUser, tuple[str, ...]]:
        """The user, and the roles that they had before."""
        if not self.replaces("assign_roles"):
            return await roles.assign_roles(self._context, **await VALIDATIONS["assign_roles"](self._context, **given))
        before = await self._context.users.by_id(given["user_id"])
        user = await self._call("assign_roles", AuthUser, given)
        old = () if before is None else before.roles
        if old != user.roles:
            await self._tell("roles.changed", user_id=user.id, before=old, after=user.roles)
        return user, old

    async def change_identifier(self, user: AuthUser, identifier: str) -> AuthUser:
        given = {"user_id": user.id, "identifier": identifier}
        changed = await self._call("change_identifier", AuthUser, given)
        if self.replaces("change_identifier") and changed.identifier != user.identifier:
            await self._tell("identifier.changed", user_id=user.id)
        return changed

    async def change_password(self, *, user_id: str, **given: Any) -> None:
        try:
            await self._call("change_password", object, {"user_id": user_id, **given})
        except SentriError as error:
            if self.replaces("change_password") and error.code == "INVALID_CREDENTIALS":
                await self._tell("reauthentication.failed", user_id=user_id)
            raise
        if self.replaces("change_password"):
            await self._tell("password.changed", user_id=user_id)

    async def _call(self, name: str, kind: type[T], given: dict[str, Any]) -> T:
        replacement = self._replaced.get(name)
        if replacement is None:
            result = await getattr(self._accounts, name)(**given)
        else:
            result = replacement(**await VALIDATIONS[name](self._context, **given))
            if inspect.isawaitable(result):
                result = await result
        if not isinstance(result, kind):
            raise TypeError(f"the {name} service returned a {type(result).__name__}, not a {kind.__name__}")
        return result
