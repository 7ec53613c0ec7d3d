"""Who is it? The way of every protected request: verified token, then living session, then revocation."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.identity import AuthUser
from sentri.revocation import session_ended

__all__ = ["authenticate", "check_session"]


async def authenticate(context: Context, token: object) -> AuthUser:
    """The user of an access token as they are now. Raises `TOKEN_INVALID`, `TOKEN_EXPIRED`, or what `check_session`
    raises.
    """
    return await check_session(context, context.access.verify(token).user)


async def check_session(context: Context, user: AuthUser) -> AuthUser:
    """The user with their current roles and identifier, if their session is there, unexpired, theirs, not revoked,
    and they are enabled. Raises `UNAUTHORIZED`, or `SERVICE_UNAVAILABLE` where that can't be told.
    """
    if user.session_id is None:
        raise session_ended()
    active = await context.sessions.find_active(user.session_id)
    if active is None or active.user_id != user.id:
        raise session_ended()
    await context.revocation.check(user.session_id)
    return AuthUser(user.id, active.identifier, active.roles, user.session_id, user.issuer)
