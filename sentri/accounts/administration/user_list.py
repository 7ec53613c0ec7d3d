"""Looking users up."""

from __future__ import annotations

from typing import Any

from sentri.accounts.administration.pages import check_limit, key_cursor, key_of
from sentri.accounts.administration.records import Page, UserInfo, user_info, user_not_found
from sentri.accounts.context import Context
from sentri.accounts.identifiers import clean_identifier, identifier_key
from sentri.accounts.inputs import clean_roles
from sentri.accounts.stores import UserFilter
from sentri.accounts.tracing import traced
from sentri.errors import SentriError

__all__ = ["get_user", "list_users", "user_by_identifier", "user_filter"]


@traced("list_users")
async def list_users(context: Context, *, wanted: UserFilter, limit: int, cursor: str | None) -> Page[UserInfo]:
    """A page of users, in the order of their identifiers."""
    most, after = check_limit(limit), None if cursor is None else key_of(cursor)
    users, following = await context.users.page(wanted, after=after, most=most)
    return Page(tuple(map(user_info, users)), None if following is None else key_cursor(following))


async def get_user(context: Context, *, user_id: str) -> UserInfo:
    user = await context.users.by_id(user_id)
    if user is None:
        raise user_not_found()
    return user_info(user)


async def user_by_identifier(context: Context, *, identifier: str) -> UserInfo:
    user = await context.users.by_key(identifier_key(identifier))
    if user is None:
        raise user_not_found()
    return user_info(user)


def user_filter(context: Context, *, search: Any, contains: Any, role: Any, disabled: Any) -> UserFilter:
    """What is looked for, checked. Raises `VALIDATION_ERROR` or `INVALID_ROLE`."""
    if disabled is not None and not isinstance(disabled, bool):
        raise SentriError("VALIDATION_ERROR", "disabled: must be true or false.")
    (known,) = (None,) if role is None else clean_roles(context, [role])
    return UserFilter(prefix=_key(search, "search"), part=_key(contains, "contains"), role=known, disabled=disabled)


def _key(text: Any, field: str) -> str:
    return identifier_key(clean_identifier(text, field)) if text is not None else ""
