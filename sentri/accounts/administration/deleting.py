"""Deleting a user, with their sessions and the addresses that they are known at."""

from __future__ import annotations

from sentri.accounts.administration.records import user_not_found
from sentri.accounts.context import Context
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken

__all__ = ["delete_user"]


@traced("delete_user")
@unbroken
async def delete_user(context: Context, *, user_id: str, actor_id: str | None) -> None:
    if await context.users.delete(user_id) is None:
        raise user_not_found()
    await context.events.tell("user.deleted", user_id=user_id, actor_id=actor_id)
    await context.events.tell("session.revoked", user_id=user_id, actor_id=actor_id, reason="user_deleted")
