"""Making a user for somebody else."""

from __future__ import annotations

from sentri.accounts.administration.records import UserInfo, user_info
from sentri.accounts.context import Context
from sentri.accounts.registration import add_user, new_user
from sentri.accounts.tracing import traced

__all__ = ["create_user"]


@traced("create_user")
async def create_user(
    context: Context, *, identifier: str, password: str, roles: tuple[str, ...], actor_id: str | None
) -> UserInfo:
    user = await new_user(context, identifier=identifier, password=password, roles=roles)
    await add_user(context, user, "user.created", actor_id=actor_id)
    return user_info(user)
