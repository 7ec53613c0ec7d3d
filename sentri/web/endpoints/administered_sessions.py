"""Who is logged in where: for admins, and for users who look at their own sessions."""

from __future__ import annotations

from aiohttp import web

from sentri.accounts.administration import session_list, session_revoking
from sentri.accounts.reauthenticating import require_recent_login
from sentri.web.administration_outputs import OwnSessions, Revoked, Session, Sessions, SessionShown
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Call
from sentri.web.inputs import given

__all__ = [
    "get_session",
    "list_own_sessions",
    "list_sessions",
    "revoke_all_sessions",
    "revoke_own_session",
    "revoke_session",
]


async def list_own_sessions(context: WebContext, call: Call[None]) -> web.Response:
    limit, cursor = call.query.limit, given(call.query.cursor)
    page = await session_list.list_sessions(context.accounts, user_id=call.user.id, limit=limit, cursor=cursor)
    return call.success(OwnSessions.of(page, call.user.session_id), "These are your sessions.")


async def revoke_own_session(context: WebContext, call: Call[None]) -> web.Response:
    """The session that the request came with takes its cookies along, as with a logout; another one takes a login that
    is recent enough (ASVS 5.0, 7.5.2).
    """
    session_id, user = call.path.session_id, call.user
    if session_id != user.session_id:
        await require_recent_login(context.accounts, user, within=context.gates.reauth_within)
    await session_revoking.revoke_own_session(context.accounts, session_id=session_id, user_id=user.id)
    response = call.success(None, "The session was revoked.")
    return context.carriage.taken(response) if session_id == user.session_id else response


async def list_sessions(context: WebContext, call: Call[None]) -> web.Response:
    page = await session_list.list_sessions(
        context.accounts, user_id=call.path.user_id, limit=call.query.limit, cursor=given(call.query.cursor)
    )
    return call.success(Sessions.of(page), "These are the user's sessions.")


async def revoke_all_sessions(context: WebContext, call: Call[None]) -> web.Response:
    revoked = await session_revoking.revoke_all_sessions(
        context.accounts, user_id=call.path.user_id, actor_id=call.user.id
    )
    return call.success(Revoked(revoked), "The sessions were revoked.")


async def get_session(context: WebContext, call: Call[None]) -> web.Response:
    session = await session_list.get_session(context.accounts, session_id=call.path.session_id)
    return call.success(SessionShown(Session.of(session)), "This is the session.")


async def revoke_session(context: WebContext, call: Call[None]) -> web.Response:
    await session_revoking.revoke_session(context.accounts, session_id=call.path.session_id, actor_id=call.user.id)
    return call.success(None, "The session was revoked.")
