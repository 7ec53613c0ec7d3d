"""What the kit has to know of auth objects and no public name tells. It looks, and changes nothing."""
# ruff: noqa: SLF001 - kit and library are one distribution: they are never of two versions

from __future__ import annotations

import logging
from collections.abc import Collection

from sentri.accounts.context import Context
from sentri.client.auth import AuthClient
from sentri.clock import Clock
from sentri.config.cookies import Cookie
from sentri.keys.signing import SigningKey
from sentri.server.auth import AuthServer
from sentri.web.auth import Auth

__all__ = [
    "access_cookie_of",
    "clock_of",
    "key_uri_of",
    "leeway_of",
    "logger_of",
    "opened",
    "refresh_cookie_of",
    "signing_key_of",
    "valid_roles_of",
]


async def opened(server: AuthServer) -> Context:
    """What the server's flows work with, once it is open."""
    await server._use()
    return server._context


def valid_roles_of(auth: Auth) -> Collection[str] | None:
    """The roles that exist; None where the auth object does not say."""
    return auth._valid_roles


def clock_of(auth: AuthServer | AuthClient) -> Clock:
    """The auth object's source of time."""
    return auth._clock


def logger_of(auth: AuthServer | AuthClient) -> logging.Logger:
    """Where it writes what it has to say."""
    return auth._logger


def access_cookie_of(auth: AuthServer | AuthClient) -> Cookie | None:
    """How its access cookie is set; None where none is configured."""
    return auth._options.access_cookie


def refresh_cookie_of(server: AuthServer) -> Cookie | None:
    """How its refresh cookie is set; None where none is configured."""
    return server._options.cookie


def key_uri_of(client: AuthClient) -> str:
    """Where its keys come from."""
    return client._options.key_uri.address


def leeway_of(auth: AuthServer | AuthClient) -> float:
    """Seconds that it grants beyond `exp`."""
    return auth._options.leeway if isinstance(auth, AuthClient) else 0.0


async def signing_key_of(server: AuthServer) -> SigningKey:
    """The key that signs its access tokens at this moment."""
    await server._use()
    return server._keys.ring().signing
