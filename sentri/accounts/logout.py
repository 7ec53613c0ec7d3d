"""Ending sessions. It reports success when they are gone, and not before."""

from __future__ import annotations

from sentri.accounts.context import Context

__all__ = ["logout", "logout_all"]


async def logout(context: Context, *, session_id: str) -> bool:
    """End the session; True if it was this call that ended it."""
    return await context.sessions.end(session_id)


async def logout_all(context: Context, *, user_id: str) -> int:
    """End every session of the user; how many there were."""
    return await context.sessions.end_all(user_id)
