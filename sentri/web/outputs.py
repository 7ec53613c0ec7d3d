"""What the endpoints answer with, as types: the `data` of the envelope."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sentri.identity import AuthUser
from sentri.web.inputs import Id

__all__ = ["JsonWebKeys", "LoggedIn", "Output", "Tokens", "User", "UserChanged"]

Jwt = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")]


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A JSON object with exactly these fields. The repr shows none of them: some are secrets."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class User(Output, frozen=True):
    """A user as they are now."""

    id: Id
    identifier: str
    roles: list[str]

    @classmethod
    def of(cls, user: AuthUser) -> Self:
        return cls(id=user.id, identifier=user.identifier, roles=list(user.roles))


class UserChanged(Output, frozen=True):
    """The user whom the request was about."""

    user: User


class Tokens(Output, frozen=True):
    """The tokens of a session. The refresh token is here unless it travels in its cookie."""

    access_token: Jwt
    refresh_token: Jwt | UnsetType = UNSET


class LoggedIn(Tokens, frozen=True, kw_only=True):
    """The tokens of a new session, and whose it is."""

    user: User


class JsonWebKeys(Output, frozen=True):
    """A JWK set (RFC 7517, section 5)."""

    keys: list[dict[str, Any]]
