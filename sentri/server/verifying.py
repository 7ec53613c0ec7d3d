"""Tokens and sessions of requests to the auth server, by keys that another process may have changed just now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sentri.accounts import authenticating
from sentri.accounts.context import Context
from sentri.errors import SentriError
from sentri.identity import AuthUser, RefreshClaims
from sentri.keys.keyring import Keys
from sentri.tokens.access import AccessClaims
from sentri.tokens.compact import UnverifiedToken, refused
from sentri.web.identifying import Authentication

__all__ = ["Verifying"]


class Verifying:
    """Verifies what requests carry.

    Args:
        use: opens what it takes, and waits until the keys are there.
    """

    def __init__(self, context: Context, keys: Keys, use: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._keys = keys
        self._use = use

    async def authenticate(self, token: str) -> AuthUser:
        """The user of an access token as they are now, after everything that `protect` checks."""
        await self._use()
        try:
            return await authenticating.authenticate(self._context, token)
        except SentriError as error:
            if not await self._learned(error, token):
                raise
        return await authenticating.authenticate(self._context, token)

    async def expired_or_not(self, token: str) -> AccessClaims:
        """What an access token says; one that has expired is as good. Raises `TOKEN_INVALID`."""
        await self._use()
        try:
            return self._context.access.verify(token, expired_too=True)
        except SentriError as error:
            if not await self._learned(error, token):
                raise
        return self._context.access.verify(token, expired_too=True)

    def refresh_expired_or_not(self, token: str) -> RefreshClaims:
        """What a refresh token says; one that has expired is as good. Raises `TOKEN_INVALID`."""
        return self._context.refresh.verify(token, expired_too=True)

    async def recheck(self, known: Authentication) -> AuthUser:
        """The user of a request that was authenticated before, as they are now. Raises what a guard would now."""
        if self.is_of_ended_key(known.token):
            raise refused()
        return await self.check_session(known.user)

    async def check_session(self, user: AuthUser) -> AuthUser:
        """The user as they are now. Raises `UNAUTHORIZED` where the session has ended or the user was disabled."""
        await self._use()
        return await authenticating.check_session(self._context, user)

    def is_of_ended_key(self, token: str) -> bool:
        """Whether somebody ended the key of the token, as of a leaked one. One that retired in its order is none."""
        return self._keys.was_ended(_kid_of(token))

    async def _learned(self, error: SentriError, token: str) -> bool:
        """Whether the token was refused for a key that another process has made just now."""
        return error.code == "TOKEN_INVALID" and await self._keys.learn(_kid_of(token))


def _kid_of(token: str) -> str:
    """The key id that a token names; nothing where it names none."""
    try:
        kid = UnverifiedToken(token).kid
    except SentriError:
        return ""
    return kid if isinstance(kid, str) else ""
