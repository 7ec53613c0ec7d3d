"""The user that an argument names, and how users are shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sentri.cli.showing import instant

if TYPE_CHECKING:
    from sentri.accounts.administration.records import UserInfo
    from sentri.server.auth import AuthServer

__all__ = ["HEADINGS", "as_dict", "as_row", "user_named"]

HEADINGS: Final = ("ID", "IDENTIFIER", "ROLES", "CREATED", "DISABLED")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def user_named(auth: AuthServer, name: str) -> UserInfo:
    """The user with that id, or that identifier. Raises `USER_NOT_FOUND`.

    What looks like an id, in whatever case, is no identifier: anybody may register under the id of somebody else.
    """
    as_id = name.strip().lower()
    return await (auth.users.get(as_id) if _ID.fullmatch(as_id) else auth.users.by_identifier(name))


def as_row(user: UserInfo) -> tuple[str, ...]:
    """A line of a table."""
    return (user.id, user.identifier, " ".join(user.roles) or "-", instant(user.created_at), instant(user.disabled_at))


def as_dict(user: UserInfo) -> dict[str, Any]:
    """The same for programs; instants in seconds since the Unix epoch."""
    return {
        "id": user.id,
        "identifier": user.identifier,
        "roles": list(user.roles),
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }
