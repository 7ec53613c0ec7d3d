"""Giving roles to a user."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.inputs import merged
from sentri.accounts.sessions import auth_user
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError
from sentri.identity import AuthUser

__all__ = ["assign_roles"]


@traced("assign_roles")
@unbroken
async def assign_roles(context: Context, *, user_id: str, roles: tuple[str, ...]) -> tuple[AuthUser, tuple[str, ...]]:
    """Merge the roles with those that the user has, under a lock: two at once lose nothing.

    The user, and the roles that they had before.
    """
    before: tuple[str, ...] = ()

    def decide(current: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal before
        before = current
        return merged(current, roles)

    user = await context.users.change_roles(user_id, decide)
    if user is None:
        raise SentriError("USER_NOT_FOUND", "There is no such user.")
    if user.roles != before:
        await context.events.tell("roles.changed", user_id=user_id, before=before, after=user.roles)
    return auth_user(context, user), before
