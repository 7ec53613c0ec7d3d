"""`create_auth` and `create_auth_server` as a type checker sees them. See guards.py."""

from __future__ import annotations

import logging
from datetime import timedelta
from enum import StrEnum
from typing import Literal, assert_type

from sentri import (
    AuthClient,
    AuthServer,
    AuthUser,
    Database,
    Hooks,
    KeyInfo,
    Services,
    TokenPair,
    TrustedIssuer,
    create_auth,
    create_auth_server,
)


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


async def told(user: AuthUser) -> None: ...


def told_of_reuse(user_id: str, session_id: str, successor_used: bool) -> None: ...  # noqa: FBT001 - a hook's shape


async def login(*, identifier: str, password: str) -> TokenPair:
    raise NotImplementedError


def not_async(*, identifier: str, password: str) -> None: ...


async def revoked(session_id: str) -> bool:
    raise NotImplementedError


hooks: Hooks = {
    "on_login": told,
    "on_failed_login": lambda identifier: assert_type(identifier, str),
    "on_roles_change": lambda user, old: (assert_type(user, AuthUser), assert_type(old, tuple[str, ...])),
    "on_token_reuse": told_of_reuse,
}
services: Services = {"login": login}

assert_type(create_auth_server(valid_roles=("user", "admin"), db="sqlite://auth.db"), AuthServer)
assert_type(create_auth_server(valid_roles=Role, db={"host": "db", "database": "auth", "max": 5}), AuthServer)
kept = create_auth_server(valid_roles=Role, db="sqlite://x", key_encryption_secret=["new", "old"])
create_auth(valid_roles=Role, db="sqlite://x", key_encryption_secret="s", algorithm="ES256")
assert_type(create_auth("server", db=Database(database="auth"), secret=["a", "b"], valid_roles=Role), AuthServer)
create_auth(
    mode="server",
    db="postgres://localhost/auth",
    secret="s",
    valid_roles=["user"],
    algorithm="RS256",
    access_expires_in="15m",
    refresh_expires_in=604800,
    session_expires_in=timedelta(days=90),
    refresh_leeway=0.5,
    salt_rounds=12,
    api_key=["k"],
    registration=False,
    registration_roles=(Role.USER,),
    admin_roles=None,
    hooks=hooks,
    hook_timeout="5s",
    is_token_revoked=revoked,
    router=services,
    issuer="https://auth.example",
    audience=("a", "b"),
    identifier_validator=lambda identifier: "@" in identifier,
    password_validator=None,
    reauth_within="5m",
    rate_limit=False,
    migrate_on_startup=True,
    logger=logging.getLogger("host"),
)

client = create_auth(
    mode="client",
    key_uri="https://auth.example/keys",
    issuer="https://auth.example",
    audience="shop",
    trusted_issuers=[
        TrustedIssuer("https://partner.example", "https://partner.example/keys", "shop", roles=[Role.USER])
    ],
    valid_roles=Role,
    algorithms=("RS256",),
    access_cookie={},
    trusted_origins=["https://app.example"],
    cache_ttl="1h",
    max_stale=timedelta(days=1),
    leeway=5,
    timeout=5.0,
    allow_insecure_keys=False,
    is_token_revoked=revoked,
    hook_timeout="5s",
    logger=logging.getLogger("host"),
)
assert_type(client, AuthClient)
assert_type(client.keys.status().last_success, float | None)
assert_type(client.keys.status().state, Literal["fresh", "stale", "unavailable"])


async def rotated() -> tuple[str, ...]:
    assert_type(await kept.keys.rotate(), KeyInfo)
    assert_type(await kept.keys.retire("kid", now=True), KeyInfo)
    return tuple(key.state for key in await kept.keys.list())


plain: Services = {"login": not_async}

# --- planted mistakes

create_auth("client")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
create_auth("client", key_uri=1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
create_auth("client", key_uri="https://auth.example/keys", db="sqlite://x")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
accounts = client.accounts  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
TrustedIssuer("https://partner.example", audience="shop")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

create_auth(db="sqlite://x", secret="s", valid_roles=["user"], acces_expires_in="1h")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
create_auth(db=1, secret="s", valid_roles=["user"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
create_auth(db="sqlite://x", secret=b"s", valid_roles=["user"], salt_rounds="12")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
create_auth("serve", db="sqlite://x", secret="s", valid_roles=["user"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
create_auth_server(valid_roles=["user"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
create_auth_server(valid_roles=["user"], db="sqlite://x", secret="s")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
create_auth_server(valid_roles=["user"], db="sqlite://x", hook_timeout=[])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
create_auth_server(valid_roles=1, db="sqlite://x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
wrong_name: Hooks = {"on_logn": told}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
wrong_arguments: Hooks = {"on_login": told_of_reuse}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]
no_function: Services = {"login": "login"}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]
Database("auth")  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
