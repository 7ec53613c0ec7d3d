"""Ending sessions. It reports success when they are gone, and not before."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken

__all__ = ["logout", "logout_all"]


@traced("logout")
@unbroken
async def logout(context: Context, *, session_id: str, user_id: str | None = None, reason: str = "logout") -> bool:
    """End the session; True if it was this call that ended it.

    `user_id`, whose it is where that is known, and `reason` are for those who are told.
    """
    owner = user_id or await _owner(context, session_id)
    if not await context.sessions.end(session_id):
        return False
    await context.events.tell("session.revoked", user_id=owner, session_id=session_id, reason=reason)
    return True


async def _owner(context: Context, session_id: str) -> str | None:
    found = await context.sessions.read(session_id)
    return None if found is None else found[0].user_id


@traced("logout_all")
@unbroken
async def logout_all(context: Context, *, user_id: str) -> int:
    """End every session of the user; how many there were."""
    ended = await context.sessions.end_all(user_id)
    if ended:
        await context.events.tell("session.revoked", user_id=user_id, reason="logout_all", sessions=ended)
    return ended
