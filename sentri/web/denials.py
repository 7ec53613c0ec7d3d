"""Telling that a request was refused for who sent it, or from where."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from sentri.identity import AuthUser
from sentri.telling import Events, Source
from sentri.web.client_address import Clients

__all__ = ["Denials", "place_of", "source_of"]

_ANY_OTHER: Final = "OTHER"


class Denials:
    """Tells `permission.denied`.

    Args:
        events: what tells it.
        clients: which address a request comes from.
    """

    def __init__(self, events: Events, clients: Clients) -> None:
        self._events = events
        self._clients = clients

    async def tell(self, request: web.Request, reason: str, user: AuthUser | None = None, **details: object) -> None:
        """Tell it, before the refusal is raised. `user` is who was refused, where that is known."""
        await self._events.tell(
            "permission.denied",
            user_id=None if user is None else user.id,
            session_id=None if user is None else user.session_id,
            reason=reason,
            source=source_of(request, self._clients),
            **details,
        )


def source_of(request: web.Request, clients: Clients) -> Source:
    """Where a request comes from, as events name it: nothing of it is the sender's own words."""
    method = request.method if request.method in hdrs.METH_ALL else _ANY_OTHER
    return Source(f"{method} {place_of(request)}", clients.of(request).name)


def place_of(request: web.Request) -> str:
    """The route's pattern: the raw path may hold what nobody should read in a log."""
    resource = request.match_info.route.resource
    return "an unknown path" if resource is None else resource.canonical or "/"
