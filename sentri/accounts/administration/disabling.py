"""Disabling a user, whose sessions end with it in every process, and enabling them again."""

from __future__ import annotations

from dataclasses import replace

from sentri.accounts.administration.records import UserInfo, user_info, user_not_found
from sentri.accounts.context import Context
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken

__all__ = ["disable", "enable"]


@traced("disable_user")
@unbroken
async def disable(context: Context, *, user_id: str, actor_id: str | None) -> UserInfo:
    now = context.clock()
    before = await context.users.set_disabled(user_id, at=now)
    if before is None:
        raise user_not_found()
    if before.disabled_at is not None:
        return user_info(before)
    await context.events.tell("user.disabled", user_id=user_id, actor_id=actor_id)
    await context.events.tell("session.revoked", user_id=user_id, actor_id=actor_id, reason="user_disabled")
    return user_info(replace(before, disabled_at=now))


@traced("enable_user")
@unbroken
async def enable(context: Context, *, user_id: str, actor_id: str | None) -> UserInfo:
    before = await context.users.set_disabled(user_id, at=None)
    if before is None:
        raise user_not_found()
    if before.disabled_at is not None:
        await context.events.tell("user.enabled", user_id=user_id, actor_id=actor_id)
    return user_info(replace(before, disabled_at=None))
