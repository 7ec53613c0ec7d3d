"""Who is acting: the value that guards put on a request and flows hand out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["AuthUser", "Client", "RefreshClaims", "TokenPair"]


@dataclass(frozen=True, slots=True)
class AuthUser:
    """A user as sentri knows them at this moment. Frozen; it holds no secret, but its repr shows the identifier.

    Attributes:
        id: the user's UUID in canonical form, the `sub` of their tokens.
        identifier: what they log in with, as they wrote it.
        roles: their roles, in the order they were given.
        session_id: UUID of the session that the request came with; None where no session is involved.
        issuer: the `iss` of the token; None where none is configured.
    """

    id: str
    identifier: str
    roles: tuple[str, ...]
    session_id: str | None = None
    issuer: str | None = None

    def __post_init__(self) -> None:
        if type(self.roles) is not tuple:
            object.__setattr__(self, "roles", tuple(self.roles))

    def to_dict(self) -> dict[str, Any]:
        """`{"id", "identifier", "roles"}`, the shape that every endpoint answers with; ready for JSON."""
        return {"id": self.id, "identifier": self.identifier, "roles": list(self.roles)}


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from.

    Attributes:
        name: an address of IPv4, a /64 of IPv6.
        own: the same, where it is this client's and not that of everybody behind a proxy.
        wide: the /48 of IPv6 around it.
    """

    name: str
    own: str | None
    wide: str | None


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says, after its signature and its type were verified.

    Attributes:
        session_id: the session that it renews.
        user_id: the session's user; None in a token of `sign_refresh_token`, which stands outside every chain.
        jti: the token's own identifier, 128 random bits.
        issued_at, expires_at: seconds since the Unix epoch.
    """

    session_id: str
    user_id: str | None
    jti: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenPair:
    """A fresh access token and the refresh token that follows it. Its repr shows neither.

    Attributes:
        access_token: JWT (`at+jwt`) for `Authorization: Bearer`.
        refresh_token: JWT (`rt+jwt`) for `POST /refresh`.
        user: whose tokens they are, with `session_id` set.
        access_expires_at, refresh_expires_at: seconds since the Unix epoch.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    user: AuthUser
    access_expires_at: int
    refresh_expires_at: int
