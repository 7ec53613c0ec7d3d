"""`auth.sessions`: who is logged in where, for those who look after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sentri.accounts.administration import session_list, session_revoking
from sentri.accounts.administration.records import Page, SessionInfo
from sentri.accounts.context import Context
from sentri.accounts.inputs import check_id

__all__ = ["SessionAdministration"]


class SessionAdministration:
    """Sessions as Python functions, for scripts and for the host's own administration. Callers are trusted.

    `actor_id` is the id of whoever does it, for the events. Every function may raise `SentriError` with
    `VALIDATION_ERROR` for its input and `SERVICE_UNAVAILABLE` while the database does not answer. The first call opens
    the auth object where it is not open.
    """

    def __init__(self, context: Context, ready: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._ready = ready

    async def list(self, user_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[SessionInfo]:
        """A page of the user's sessions that have not expired, the latest login first.

        `limit` goes from 1 to 100; `cursor` is `next_cursor` of the page before. Raises `USER_NOT_FOUND`.
        """
        await self._ready()
        checked = check_id(user_id, "userId")
        return await session_list.list_sessions(self._context, user_id=checked, limit=limit, cursor=cursor)

    async def get(self, session_id: str) -> SessionInfo:
        """The session with this id. Raises `NOT_FOUND` for one that has ended or expired."""
        await self._ready()
        return await session_list.get_session(self._context, session_id=check_id(session_id, "sessionId"))

    async def revoke(self, session_id: str, *, actor_id: str | None = None) -> None:
        """End the session: every token of it is refused by the next request. Raises `NOT_FOUND`."""
        await self._ready()
        checked = check_id(session_id, "sessionId")
        await session_revoking.revoke_session(self._context, session_id=checked, actor_id=actor_id)

    async def revoke_all(self, user_id: str, *, actor_id: str | None = None) -> int:
        """End every session of the user; how many there were. Raises `USER_NOT_FOUND`."""
        await self._ready()
        checked = check_id(user_id, "userId")
        return await session_revoking.revoke_all_sessions(self._context, user_id=checked, actor_id=actor_id)
