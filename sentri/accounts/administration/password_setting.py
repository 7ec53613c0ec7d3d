"""Setting a password that somebody has forgotten. Every session of theirs ends with it."""

from __future__ import annotations

from sentri.accounts.administration.records import user_not_found
from sentri.accounts.context import Context
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken

__all__ = ["set_password"]


@traced("set_password")
async def set_password(context: Context, *, user_id: str, password: str, actor_id: str | None) -> None:
    if await context.users.by_id(user_id) is None:  # spares a hash
        raise user_not_found()
    await _write(context, user_id, await context.hasher.hash(password), actor_id)


@unbroken
async def _write(context: Context, user_id: str, renewed: str, actor_id: str | None) -> None:
    if not await context.users.replace_password(user_id, renewed=renewed):
        raise user_not_found()
    await context.events.tell("password.changed", user_id=user_id, actor_id=actor_id, reason="admin")
    await context.events.tell("session.revoked", user_id=user_id, actor_id=actor_id, reason="password_changed")
