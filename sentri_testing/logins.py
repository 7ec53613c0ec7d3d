"""Logging a user in without a password: a session of an auth server, or a token of a fake one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import Morsel
from typing import TYPE_CHECKING, Final, Self, Union

from aiohttp import web

from sentri.client.auth import AuthClient
from sentri.config.cookies import Cookie
from sentri.errors import SentriError
from sentri.identity import AuthUser, TokenPair
from sentri.randomness import new_id
from sentri.server.auth import AuthServer
from sentri.web.cookies import TokenCookies
from sentri_testing.finding import AnyAuth
from sentri_testing.inside import (
    access_cookie_of,
    clock_of,
    key_uri_of,
    logger_of,
    opened,
    refresh_cookie_of,
    valid_roles_of,
)
from sentri_testing.users import SavedUser, add_user, new_identifier, roles_among

if TYPE_CHECKING:
    from sentri_testing.issuer import FakeAuthServer

__all__ = ["Issuer", "Login", "Who", "issuer_of", "log_in"]

Issuer = Union["FakeAuthServer", AuthServer]
"""Who may issue the token of a client-mode application."""

_LIFETIME: Final = 900  # seconds, of an access token of client mode


@dataclass(frozen=True, slots=True)
class Who:
    """Who is to be logged in: somebody who is there, or a new user with these roles."""

    user: SavedUser | AuthUser | None
    identifier: str | None
    roles: Iterable[str] | None

    @classmethod
    def of(cls, user: SavedUser | AuthUser | None, *, identifier: str | None, roles: Iterable[str] | None) -> Self:
        """Raises `ValueError` for a user who is there and attributes of a new one."""
        if user is not None and (identifier is not None or roles is not None):
            raise ValueError("give either user, or the identifier and roles of a new one")
        return cls(user, identifier, roles)


@dataclass(frozen=True, slots=True)
class Login:
    """A user's tokens, and the cookies that carry them. Its repr shows neither.

    Attributes:
        user: with `session_id` set.
        access_token, refresh_token: as they were issued; client mode has no refresh token.
        refresh_cookie: how the refresh token's cookie is set, where there is one.
        cookies: what a response that logs the user in sets.
    """

    user: AuthUser
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    refresh_cookie: Cookie | None
    cookies: Mapping[str, Morsel[str]] = field(repr=False)


async def log_in(auth: AnyAuth, who: Who, issuer: Issuer | None) -> Login:
    """Log somebody in to the application of `auth`.

    Raises `LookupError` where the user is not in the database or no server runs at `key_uri`, and `ValueError` for
    roles that do not exist.
    """
    if isinstance(auth, AuthClient):
        return await _with_token(auth, who, issuer)
    if issuer is not None:
        raise ValueError(f"issuer is for client mode; {auth!r} issues its tokens itself")
    pair = await _session(auth, who)
    refresh = refresh_cookie_of(auth)
    return Login(pair.user, pair.access_token, pair.refresh_token, refresh, _cookies(auth, refresh, pair))


async def _session(server: AuthServer, who: Who) -> TokenPair:
    user = who.user or await add_user(await opened(server), who.identifier, roles=who.roles)
    try:
        return await server.accounts.start_session(user.id)
    except SentriError as error:
        if error.code != "USER_NOT_FOUND":
            raise
        raise LookupError(
            f"{user.identifier!r} is not in the database of {server!r}: make_user makes users in memory only. Save one "
            "with `await server.create_user(…)`, or give roles= and identifier= in place of user="
        ) from None


async def _with_token(client: AuthClient, who: Who, issuer: Issuer | None) -> Login:
    source = issuer_of(client, issuer)
    pair = await _session(source, who) if isinstance(source, AuthServer) else _issued(client, who, source)
    return Login(pair.user, pair.access_token, pair.refresh_token or None, None, _cookies(client, None, pair))


def issuer_of(client: AuthClient, issuer: Issuer | None = None) -> Issuer:
    """Who issues tokens to the application: the one that is given, else the `FakeAuthServer` at its `key_uri`.

    Raises `LookupError` where none runs there.
    """
    source = issuer or _running_at(key_uri_of(client))
    if source is None:
        raise LookupError(
            f"no FakeAuthServer of this process runs at the key_uri of {client!r}. Start one before the application "
            "and give its address, create_auth(mode='client', key_uri=fake.key_uri), or say who issues: issuer=…"
        )
    return source


def _running_at(key_uri: str) -> FakeAuthServer | None:
    from sentri_testing.issuer import FakeAuthServer  # noqa: PLC0415 - tests of server mode need none

    return FakeAuthServer.running_at(key_uri)


def _issued(client: AuthClient, who: Who, fake: FakeAuthServer) -> TokenPair:
    valid = valid_roles_of(client)
    known = who.user
    user = AuthUser(
        id=known.id if known else new_id(),
        identifier=known.identifier if known else who.identifier or new_identifier(),
        roles=roles_among(known.roles if known else who.roles, valid),
        session_id=new_id(),
        issuer=fake.issuer,
    )
    token = fake.issue_token(
        user.roles,
        identifier=user.identifier,
        subject=user.id,
        session_id=user.session_id,
        expires_in=_LIFETIME,
    )
    expires_at = int(clock_of(client)()) + _LIFETIME
    return TokenPair(token, "", user, expires_at, expires_at)


def _cookies(auth: AuthServer | AuthClient, refresh: Cookie | None, pair: TokenPair) -> Mapping[str, Morsel[str]]:
    cookies = TokenCookies(refresh=refresh, access=access_cookie_of(auth), clock=clock_of(auth), logger=logger_of(auth))
    response = web.Response()
    cookies.set(response, pair)
    return response.cookies
