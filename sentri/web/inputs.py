"""What requests carry, as types: bodies, queries and paths. `sentri.web.parsing` makes values of them, and
`sentri.web.openapi` describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "KIND",
    "PATTERNS",
    "Body",
    "IdentifierBody",
    "Input",
    "LoginBody",
    "LogoutBody",
    "PasswordBody",
    "Path",
    "Query",
    "RefreshBody",
    "RegisterBody",
    "RolesBody",
    "UserPath",
    "given",
]

T = TypeVar("T")

KIND: Final = "x-sentri-kind"
"""Marks in a schema what the configuration has more to say about: the name of a component of the description."""


def _of_kind(kind: str) -> Meta:
    return Meta(extra_json_schema={KIND: kind})


Identifier = Annotated[str, _of_kind("Identifier")]
Password = Annotated[str, _of_kind("Password")]
NewPassword = Annotated[str, _of_kind("NewPassword")]
Role = Annotated[str, _of_kind("Role")]
_ID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"  # Python's `$` lets a line end pass
Id = Annotated[str, Meta(pattern=_ID, extra_json_schema={"format": "uuid"})]
"""A UUID in its canonical form."""

PATTERNS: Final[Mapping[str, str]] = MappingProxyType({_ID: "must be a UUID in lower case"})
"""Pattern of a type → what it asks for, in words."""


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Exactly these fields. The repr shows none of them: some are secrets."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Body(Input, frozen=True):
    """A JSON object."""


class Query(Input, frozen=True):
    """What stands behind the question mark: each at most once, and nothing else."""


class Path(Input, frozen=True):
    """What stands in the places that a path leaves open."""


def given(value: T | UnsetType) -> T | None:
    """The value of a field that may be missing."""
    return None if value is UNSET else value


class RegisterBody(Body, frozen=True):
    identifier: Identifier
    password: NewPassword
    roles: list[Role] | UnsetType = UNSET


class LoginBody(Body, frozen=True):
    identifier: Identifier
    password: Password


class RefreshBody(Body, frozen=True):
    refresh_token: str


class LogoutBody(Body, frozen=True):
    refresh_token: str | UnsetType = UNSET


class IdentifierBody(Body, frozen=True):
    identifier: Identifier
    current_password: Password | UnsetType = UNSET


class PasswordBody(Body, frozen=True):
    current_password: Password
    new_password: NewPassword


class RolesBody(Body, frozen=True):
    roles: list[Role]


class UserPath(Path, frozen=True):
    user_id: Id
