"""The options of server mode: typed for editors, frozen, checked once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict

from sentri.clock import Clock, system_clock
from sentri.config import readers
from sentri.config.cookies import Cookie, CookieConfig, read_access_cookie, read_refresh_cookie
from sentri.config.database import Database, read_database
from sentri.config.durations import Duration, duration
from sentri.config.origins import Network, Proxy, read_origins, read_proxies
from sentri.config.rate_limit import RateLimit, read_rate_limit
from sentri.config.reading import Options, option, optional
from sentri.config.redis import RedisServer, namespace, read_redis
from sentri.events import Event
from sentri.happenings import EVENT_HOOKS
from sentri.identity import AuthUser

__all__ = ["HOOKS", "SERVICES", "GeneratedKeyServerKeywords", "Hooks", "ServerKeywords", "ServerOptions", "Services"]

HOOKS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "on_login": ("user",),
        "on_failed_login": ("identifier",),
        "on_logout": ("user_id",),
        "on_register": ("user",),
        "on_password_change": ("user_id",),
        "on_identifier_change": ("user", "old"),
        "on_roles_change": ("user", "old"),
        "on_token_reuse": ("user_id", "session_id", "successor_used"),
        "on_rate_limited": ("kind",),
        **dict.fromkeys(EVENT_HOOKS, ("event",)),
    }
)
"""Hook → its positional arguments."""

SERVICES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "register": ("identifier", "password", "roles"),
        "login": ("identifier", "password"),
        "refresh": ("refresh_token",),
        "logout": ("session_id",),
        "logout_all": ("user_id",),
        "assign_roles": ("user_id", "roles"),
        "change_identifier": ("user_id", "identifier"),
        "change_password": ("user_id", "current_password", "new_password"),
    }
)
"""Service function that `router` may replace → the arguments that it is called with, by name."""


class Hooks(TypedDict, total=False):
    """Functions, plain or async, that are told what happened, after it was committed. None can break a request."""

    on_login: Callable[[AuthUser], Any]
    on_failed_login: Callable[[str], Any]
    on_logout: Callable[[str], Any]
    on_register: Callable[[AuthUser], Any]
    on_password_change: Callable[[str], Any]
    on_identifier_change: Callable[[AuthUser, str], Any]
    on_roles_change: Callable[[AuthUser, tuple[str, ...]], Any]
    on_token_reuse: Callable[[str, str, bool], Any]
    on_rate_limited: Callable[[str], Any]
    on_event: Callable[[Event], Any]
    on_user_change: Callable[[Event], Any]
    on_session_revoked: Callable[[Event], Any]
    on_password_rehash: Callable[[Event], Any]
    on_reauthentication: Callable[[Event], Any]
    on_permission_denied: Callable[[Event], Any]
    on_overload: Callable[[Event], Any]
    on_keys_change: Callable[[Event], Any]


class Services(TypedDict, total=False):
    """Functions, plain or async, in place of built-in services: with their arguments (by name) and their result."""

    register: Callable[..., Any]
    login: Callable[..., Any]
    refresh: Callable[..., Any]
    logout: Callable[..., Any]
    logout_all: Callable[..., Any]
    assign_roles: Callable[..., Any]
    change_identifier: Callable[..., Any]
    change_password: Callable[..., Any]


class GeneratedKeyKeywords(TypedDict, total=False):
    """What every way of creating a server may be told. docs/configuration.md says it all."""

    access_expires_in: Duration
    refresh_expires_in: Duration
    session_expires_in: Duration
    max_sessions: int | None
    session_details: bool
    refresh_leeway: Duration
    salt_rounds: int
    max_hash_wait: Duration
    password_hash: Literal["bcrypt", "argon2id"]
    argon2_profile: Literal["owasp", "rfc9106"]
    password_policy: Literal["default", "nist"]
    refuse_common_passwords: bool | None
    api_key: str | Sequence[str] | None
    registration: bool
    registration_roles: Sequence[str] | None
    admin_roles: Sequence[str] | None
    hooks: Hooks | None
    hook_timeout: Duration
    is_token_revoked: Callable[[str], bool | Awaitable[bool]] | None
    router: Services | None
    issuer: str | None
    audience: str | Sequence[str] | None
    identifier_validator: Callable[[str], bool | Awaitable[bool | None] | None] | None
    password_validator: Callable[[str], bool | Awaitable[bool | None] | None] | None
    reauth_within: Duration | None
    cookie: CookieConfig | Mapping[str, Any] | None
    access_cookie: CookieConfig | Mapping[str, Any] | None
    trusted_origins: Sequence[str] | None
    trusted_proxies: Sequence[str | Proxy] | None
    redis_url: str | None
    namespace: str
    rate_limit: bool | RateLimit | Mapping[str, Any]
    key_encryption_secret: str | Sequence[str] | None
    migrate_on_startup: bool
    telemetry: bool
    clock: Clock
    logger: logging.Logger


class GeneratedKeyServerKeywords(GeneratedKeyKeywords):
    """What `create_auth_server` takes."""

    valid_roles: Sequence[str] | type[StrEnum]
    db: str | Mapping[str, Any] | Database


class ServerKeywords(GeneratedKeyServerKeywords):
    """What `create_auth` takes in server mode."""

    secret: NotRequired[str | Sequence[str]]  # or key_encryption_secret
    algorithm: NotRequired[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions(Options):
    """Everything that server mode can be told, as it is meant: durations in seconds, lists as tuples.

    The repr shows no secret, no key and no user information.
    """

    db: Database = option(read_database)
    valid_roles: tuple[str, ...] = option(readers.role_names(least=1))
    secret: tuple[str, ...] | None = option(readers.secret_texts(), default=None, secret=True)
    algorithm: str = option(readers.text, default="HS256")
    access_expires_in: float = option(duration(), default=15 * 60.0)
    refresh_expires_in: float = option(duration(), default=7 * 86400.0)
    session_expires_in: float = option(duration(), default=90 * 86400.0)
    max_sessions: int | None = option(optional(readers.whole(1, 1000)), default=None)
    session_details: bool = option(readers.flag, default=True)
    refresh_leeway: float = option(duration(least=0.0), default=60.0)
    salt_rounds: int = option(readers.whole(10, 31), default=12)
    max_hash_wait: float = option(duration(), default=10.0)
    password_hash: str = option(readers.one_of("bcrypt", "argon2id"), default="bcrypt")
    argon2_profile: str = option(readers.one_of("owasp", "rfc9106"), default="owasp")
    password_policy: str = option(readers.one_of("default", "nist"), default="default")
    refuse_common_passwords: bool | None = option(optional(readers.flag), default=None)
    api_key: tuple[str, ...] | None = option(
        optional(readers.secret_texts(least_bytes=32, printable=True)), default=None, secret=True
    )
    registration: bool = option(readers.flag, default=True)
    registration_roles: tuple[str, ...] | None = option(optional(readers.role_names()), default=None)
    admin_roles: tuple[str, ...] | None = option(optional(readers.role_names()), default=None)
    hooks: Mapping[str, Any] | None = option(optional(readers.callbacks(HOOKS)), default=None)
    hook_timeout: float = option(duration(least=0.001), default=5.0)
    is_token_revoked: Callable[[str], Any] | None = option(optional(readers.callback("session_id")), default=None)
    router: Mapping[str, Any] | None = option(optional(readers.callbacks(SERVICES, by_name=True)), default=None)
    issuer: str | None = option(optional(readers.text), default=None)
    audience: tuple[str, ...] | None = option(optional(readers.audience), default=None)
    identifier_validator: Callable[[str], Any] | None = option(optional(readers.callback("identifier")), default=None)
    password_validator: Callable[[str], Any] | None = option(optional(readers.callback("password")), default=None)
    reauth_within: float | None = option(optional(duration()), default=None)
    cookie: Cookie | None = option(optional(read_refresh_cookie), default=None)
    access_cookie: Cookie | None = option(optional(read_access_cookie), default=None)
    trusted_origins: frozenset[str] | None = option(optional(read_origins), default=None)
    trusted_proxies: tuple[Network, ...] | None = option(optional(read_proxies), default=None)
    redis_url: RedisServer | None = option(optional(read_redis), default=None)
    namespace: str = option(namespace, default="sentri")
    rate_limit: RateLimit | None = option(read_rate_limit, default=RateLimit())
    key_encryption_secret: tuple[str, ...] | None = option(
        optional(readers.secret_texts(least_bytes=32)), default=None, secret=True
    )
    migrate_on_startup: bool = option(readers.flag, default=True)
    telemetry: bool = option(readers.flag, default=False)
    clock: Clock = option(readers.clock, default=system_clock)
    logger: logging.Logger = option(readers.logger, default=logging.getLogger("sentri"))

    @classmethod
    def contradictions(cls, values: dict[str, Any]) -> list[str]:
        """Roles must exist, and follow from `valid_roles` where they were not given; two cookies need two names. Common
        passwords are refused where the policy asks for it.
        """
        findings = []
        if values.get("refuse_common_passwords", ()) is None:
            values["refuse_common_passwords"] = values.get("password_policy") == "nist"
        refresh, access = values.get("cookie"), values.get("access_cookie")
        if refresh is not None and access is not None and refresh.name == access.name:
            findings.append(f"cookie and access_cookie both have the name {refresh.name!r}")
        valid = values.get("valid_roles")
        if valid is None:
            return findings
        for name, usual in (("registration_roles", "user"), ("admin_roles", "admin")):
            if name not in values:
                continue
            if values[name] is None:
                values[name] = (usual,) if usual in valid else ()
            unknown = [role for role in values[name] if role not in valid]
            if unknown:
                findings.append(f"{name} has {unknown!r}, not in valid_roles {list(valid)!r}")
        return findings
