"""The options of client mode: typed for editors, frozen, checked once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Required, TypedDict

from sentri.clock import Clock, system_clock
from sentri.config import readers
from sentri.config.cookies import Cookie, CookieConfig, read_access_cookie
from sentri.config.durations import Duration, duration
from sentri.config.issuers import KeyUri, ReadIssuer, TrustedIssuer, read_issuers, read_key_uri
from sentri.config.origins import read_origins
from sentri.config.reading import Options, option, optional
from sentri.events import Event

__all__ = ["CLIENT_HOOKS", "ClientHooks", "ClientKeywords", "ClientOptions"]

CLIENT_HOOKS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {"on_event": ("event",), "on_permission_denied": ("event",), "on_keys_change": ("event",)}
)
"""Hook → its positional arguments."""


class ClientHooks(TypedDict, total=False):
    """Functions, plain or async, that are told what happened. None can break a request."""

    on_event: Callable[[Event], Any]
    on_permission_denied: Callable[[Event], Any]
    on_keys_change: Callable[[Event], Any]


class ClientKeywords(TypedDict, total=False):
    """What `create_auth` takes in client mode. docs/client-mode.md says it all."""

    key_uri: Required[str]
    issuer: str | None
    audience: str | Sequence[str] | None
    trusted_issuers: Sequence[TrustedIssuer | Mapping[str, Any]] | None
    valid_roles: Sequence[str] | type[StrEnum] | None
    algorithms: Sequence[str] | None
    access_cookie: CookieConfig | Mapping[str, Any] | None
    trusted_origins: Sequence[str] | None
    cache_ttl: Duration
    max_stale: Duration
    leeway: Duration
    timeout: Duration
    allow_insecure_keys: bool
    is_token_revoked: Callable[[str], bool | Awaitable[bool]] | None
    hooks: ClientHooks | None
    hook_timeout: Duration
    telemetry: bool
    clock: Clock
    logger: logging.Logger


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(Options):
    """Everything that client mode can be told, as it is meant: durations in seconds, lists as tuples."""

    key_uri: KeyUri = option(read_key_uri)
    issuer: str | None = option(optional(readers.text), default=None)
    audience: tuple[str, ...] | None = option(optional(readers.audience), default=None)
    trusted_issuers: tuple[ReadIssuer, ...] = option(read_issuers, default=())
    valid_roles: tuple[str, ...] | None = option(optional(readers.role_names(least=1)), default=None)
    algorithms: tuple[str, ...] | None = option(optional(readers.names), default=None)
    access_cookie: Cookie | None = option(optional(read_access_cookie), default=None)
    trusted_origins: frozenset[str] | None = option(optional(read_origins), default=None)
    cache_ttl: float = option(duration(), default=3600.0)
    max_stale: float = option(duration(least=0.0), default=86400.0)
    leeway: float = option(duration(least=0.0, most=3600.0), default=5.0)
    timeout: float = option(duration(least=0.001, most=300.0), default=5.0)
    allow_insecure_keys: bool = option(readers.flag, default=False)
    is_token_revoked: Callable[[str], Any] | None = option(optional(readers.callback("session_id")), default=None)
    hooks: Mapping[str, Any] | None = option(optional(readers.callbacks(CLIENT_HOOKS)), default=None)
    hook_timeout: float = option(duration(least=0.001), default=5.0)
    telemetry: bool = option(readers.flag, default=False)
    clock: Clock = option(readers.clock, default=system_clock)
    logger: logging.Logger = option(readers.logger, default=logging.getLogger("sentri"))

    @classmethod
    def contradictions(cls, values: dict[str, Any]) -> list[str]:
        """Keys come over a way that nobody can meddle with; no two issuers are one; roles exist."""
        own, trusted = values.get("key_uri"), values.get("trusted_issuers", ())
        uris = [] if own is None else [("key_uri", own)]
        uris += [(f"trusted_issuers [{position}].key_uri", issuer.key_uri) for position, issuer in enumerate(trusted)]
        findings = [] if values.get("allow_insecure_keys") else [_insecure(*uri) for uri in uris if uri[1].insecure]
        for position, issuer in enumerate(trusted):
            name = f"trusted_issuers [{position}]"
            if issuer.issuer == values.get("issuer"):
                findings.append(f"{name} has the issuer {issuer.issuer!r}, which is the option issuer already")
            earlier, place = uris[: position + (own is not None)], issuer.key_uri.place()
            same = [other for other, uri in earlier if uri.place() == place]
            findings += [
                f"{name} has the key_uri of {other}; its keys would verify the tokens of both" for other in same
            ]
            unknown = [role for role in issuer.roles if role not in (values.get("valid_roles") or issuer.roles)]
            if unknown:
                findings.append(f"{name}.roles has {unknown!r}, not in valid_roles {list(values['valid_roles'])!r}")
        return findings


def _insecure(name: str, uri: KeyUri) -> str:
    return (
        f"{name} is {uri}, and whoever is on the way there could send keys of their own; give https (http only for "
        "addresses such as 127.0.0.1), or allow_insecure_keys=True in a network that you trust"
    )
