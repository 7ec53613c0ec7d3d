"""The services behind the endpoints: built in, or replaced one by one by the `router` option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sentri.accounts import roles, sessions
from sentri.accounts.context import Context
from sentri.accounts.facade import Accounts
from sentri.accounts.inputs import VALIDATIONS
from sentri.accounts.session_origin import SessionOrigin
from sentri.identity import AuthUser, TokenPair

__all__ = ["Services"]

T = TypeVar("T")


class Services:
    """Calls a service by name, with named arguments.

    A replacement gets validated input and must be async and answer with what the built-in one answers with. Everything
    around a service (API key, roles, hooks) is the endpoint's and stays.
    """

    def __init__(self, accounts: Accounts, context: Context, replaced: Mapping[str, Any]) -> None:
        self._accounts = accounts
        self._context = context
        self._replaced = replaced

    def replaces(self, name: str) -> bool:
        """Whether the host replaced this service."""
        return name in self._replaced

    async def register(self, **given: Any) -> AuthUser:
        return await self._call("register", AuthUser, given)

    async def login(self, *, origin: SessionOrigin, **given: Any) -> TokenPair:
        """A replacement knows nothing of `origin`: it is written down for the session that it started."""
        if not self.replaces("login"):
            return await self._accounts.login(**given, device=origin.device, address=origin.address)
        pair = await self._call("login", TokenPair, given)
        await sessions.describe(self._context, pair.user.session_id, origin)
        return pair

    async def refresh(self, **given: Any) -> TokenPair:
        return await self._call("refresh", TokenPair, given)

    async def logout(self, **given: Any) -> bool:
        """Whether a session was ended; a replacement that does not say so is believed to have ended it."""
        return await self._call("logout", object, given) is not False

    async def logout_all(self, **given: Any) -> None:
        await self._call("logout_all", object, given)

    async def assign_roles(self, **given: Any) -> tuple[AuthUser, tuple[str, ...]]:
        """The user, and the roles that they had before."""
        if not self.replaces("assign_roles"):
            return await roles.assign_roles(self._context, **await VALIDATIONS["assign_roles"](self._context, **given))
        before = await self._context.users.by_id(given["user_id"])
        user = await self._call("assign_roles", AuthUser, given)
        return user, () if before is None else before.roles

    async def change_identifier(self, **given: Any) -> AuthUser:
        return await self._call("change_identifier", AuthUser, given)

    async def change_password(self, **given: Any) -> None:
        await self._call("change_password", object, given)

    async def _call(self, name: str, kind: type[T], given: dict[str, Any]) -> T:
        replacement = self._replaced.get(name)
        if replacement is None:
            result = await getattr(self._accounts, name)(**given)
        else:
            result = await replacement(**await VALIDATIONS[name](self._context, **given))
        if not isinstance(result, kind):
            raise TypeError(f"the {name} service returned a {type(result).__name__}, not a {kind.__name__}")
        return result
