"""What requests to the administration carry, as types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from sentri.accounts.administration.pages import MOST_ON_A_PAGE
from sentri.web.inputs import Body, Id, Identifier, Input, NewPassword, Path, Query, Role

__all__ = [
    "MOST_ROWS",
    "CreateUserBody",
    "ImportBody",
    "ImportedRow",
    "SessionPath",
    "SessionsQuery",
    "SetPasswordBody",
    "UserRolePath",
    "UsersQuery",
]

MOST_ROWS: Final = 1000

Limit = Annotated[int, Meta(ge=1, le=MOST_ON_A_PAGE)]
Cursor = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "sentri-cursor"})]
LoginCursor = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "sentri-login-cursor"})]


class UserRolePath(Path, frozen=True):
    user_id: Id
    role: Role


class SessionPath(Path, frozen=True):
    session_id: Id


class UsersQuery(Query, frozen=True):
    """All that is given has to hold; `search` is what an identifier begins with."""

    search: Identifier | UnsetType = UNSET
    contains: Identifier | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    limit: Limit = 50
    cursor: Cursor | UnsetType = UNSET


class SessionsQuery(Query, frozen=True):
    limit: Limit = 50
    cursor: LoginCursor | UnsetType = UNSET


class CreateUserBody(Body, frozen=True):
    identifier: Identifier
    password: NewPassword
    roles: list[Role] | UnsetType = UNSET


class SetPasswordBody(Body, frozen=True):
    password: NewPassword


class ImportedRow(Input, frozen=True):
    """A user, with either a password or the hash of one."""

    identifier: str
    password: str | UnsetType = UNSET
    password_hash: str | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    id: str | UnsetType = UNSET
    created_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET

    def to_dict(self) -> dict[str, Any]:
        """The fields that are there."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not UNSET}


class ImportBody(Body, frozen=True):
    users: Annotated[list[ImportedRow], Meta(min_length=1, max_length=MOST_ROWS)]
    all_or_nothing: bool = True
    existing: Literal["fail", "skip"] = "fail"
