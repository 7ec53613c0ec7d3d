"""Giving roles to a user."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.inputs import merged
from sentri.accounts.sessions import auth_user
from sentri.errors import SentriError
from sentri.identity import AuthUser

__all__ = ["assign_roles"]


async def assign_roles(context: Context, *, user_id: str, roles: tuple[str, ...]) -> AuthUser:
    """Merge the roles with those that the user has; two at once lose nothing."""
    user = await context.users.change_roles(user_id, lambda current: merged(current, roles))
    if user is None:
        raise SentriError("USER_NOT_FOUND", "There is no such user.")
    return auth_user(context, user)
