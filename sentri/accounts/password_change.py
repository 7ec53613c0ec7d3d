"""Changing a password. Every session of the user ends with it."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.login import ATTEMPTS, invalid_credentials
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError

__all__ = ["change_password"]


@traced("change_password")
async def change_password(context: Context, *, user_id: str, current_password: str, new_password: str) -> None:
    renewed: str | None = None
    for _ in range(ATTEMPTS):
        user = await context.users.by_id(user_id)
        if user is None:
            raise SentriError("USER_NOT_FOUND", "There is no such user.")
        if not await context.hasher.verify(current_password, user.password_hash):
            await context.events.tell("reauthentication.failed", user_id=user_id)
            raise invalid_credentials()
        renewed = renewed or await context.hasher.hash(new_password)
        if await _write(context, user_id, verified=user.password_hash, renewed=renewed):
            return
    raise SentriError("SERVICE_UNAVAILABLE", "The password is being changed elsewhere. Try again.")


@unbroken
async def _write(context: Context, user_id: str, *, verified: str, renewed: str) -> bool:
    if not await context.users.change_password(user_id, verified=verified, renewed=renewed):
        return False
    await context.events.tell("password.changed", user_id=user_id)
    await context.events.tell("session.revoked", user_id=user_id, reason="password_changed")
    return True
