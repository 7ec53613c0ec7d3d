"""Revoking sessions: every token of theirs is refused by the next request, in every process."""

from __future__ import annotations

from sentri.accounts.administration.records import user_not_found
from sentri.accounts.administration.session_list import session_not_found
from sentri.accounts.context import Context
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken

__all__ = ["revoke_all_sessions", "revoke_own_session", "revoke_session"]


@traced("revoke_session")
@unbroken
async def revoke_session(context: Context, *, session_id: str, actor_id: str | None) -> None:
    found = await context.sessions.read(session_id)
    if found is None or not await context.sessions.end(session_id):
        raise session_not_found()
    about = {"user_id": found[0].user_id, "actor_id": actor_id, "session_id": session_id}
    await context.events.tell("session.revoked", **about, reason="admin")


@traced("revoke_own_session")
@unbroken
async def revoke_own_session(context: Context, *, session_id: str, user_id: str) -> None:
    """Somebody else's is none, for this user."""
    if not await context.sessions.end(session_id, of=user_id):
        raise session_not_found()
    await context.events.tell("session.revoked", user_id=user_id, session_id=session_id, reason="user")


@traced("revoke_all_sessions")
@unbroken
async def revoke_all_sessions(context: Context, *, user_id: str, actor_id: str | None) -> int:
    """How many there were."""
    revoked = await context.sessions.end_all(user_id)
    if not revoked and await context.users.by_id(user_id) is None:
        raise user_not_found()
    if revoked:
        about = {"user_id": user_id, "actor_id": actor_id, "reason": "admin"}
        await context.events.tell("session.revoked", **about, sessions=revoked)
    return revoked
