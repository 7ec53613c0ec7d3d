"""Looking at sessions."""

from __future__ import annotations

from sentri.accounts.administration.pages import check_limit, login_cursor, login_of
from sentri.accounts.administration.records import Page, SessionInfo, session_info, user_not_found
from sentri.accounts.context import Context
from sentri.accounts.tracing import traced
from sentri.errors import SentriError

__all__ = ["get_session", "list_sessions", "session_not_found"]


@traced("list_sessions")
async def list_sessions(context: Context, *, user_id: str, limit: int, cursor: str | None) -> Page[SessionInfo]:
    """A page of the user's living sessions, the latest login first."""
    most, after = check_limit(limit), None if cursor is None else login_of(cursor)
    found = await context.sessions.page(user_id, now=context.clock(), after=after, most=most + 1)
    if not found and await context.users.by_id(user_id) is None:
        raise user_not_found()
    shown = found[:most]
    following = login_cursor(shown[-1].created_at, shown[-1].id) if len(found) > most else None
    return Page(tuple(map(session_info, shown)), following)


async def get_session(context: Context, *, session_id: str) -> SessionInfo:
    found = await context.sessions.read(session_id)
    if found is None or found[0].expires_at <= context.clock():
        raise session_not_found()
    return session_info(found[0])


def session_not_found() -> SentriError:
    return SentriError("NOT_FOUND", "There is no such session.")
