"""What the endpoints work with: built once by the composition, the same for every request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sentri.accounts.context import Context
from sentri.accounts.limits import AccountLimits
from sentri.identity import AuthUser
from sentri.tokens.access import AccessClaims
from sentri.web.carriage import Carriage
from sentri.web.client_address import Clients
from sentri.web.denials import Denials
from sentri.web.services import Services

__all__ = ["Gatekeeping", "WebContext"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeping:
    """Who may call what: the part of the configuration that the endpoints ask.

    Attributes:
        api_keys: SHA-256 of each API key; empty where registration asks for none.
        reauth_within: seconds since the login; None where a change of identifier asks for nothing.
    """

    api_keys: tuple[bytes, ...]
    registration_roles: frozenset[str]
    admin_roles: frozenset[str]
    reauth_within: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """Services, limits, and how tokens travel.

    Attributes:
        accounts: what the flows work with.
        limits: how often somebody may try.
        clients: which address a request comes from.
        denials: tells of requests that are refused for who sent them.
        identify: who a request comes from; raises what refuses it.
        recheck: the same, asked anew: the user as they are now.
        published: the JWK set of this moment; None where the algorithm has no public keys.
        keys_max_age: seconds that it may be kept.
        described: the OpenAPI document of the endpoints that are mounted under a path.
        verify: what an access token says, by the token alone, expired or not.
        carriage: how tokens travel.
    """

    services: Services
    accounts: Context
    gates: Gatekeeping
    limits: AccountLimits
    clients: Clients
    denials: Denials
    identify: Callable[[web.Request], Awaitable[AuthUser]]
    recheck: Callable[[web.Request], Awaitable[AuthUser]]
    published: Callable[[], Mapping[str, Any] | None]
    keys_max_age: float
    described: Callable[[str], Mapping[str, Any]]
    verify: Callable[[str], Awaitable[AccessClaims]]
    carriage: Carriage

    async def tell(self, hook: str, *arguments: object) -> None:
        """Tell the host what happened."""
        await self.accounts.hooks.tell(hook, *arguments)
