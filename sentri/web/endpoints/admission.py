"""Who is let in to an endpoint: what its row of the table needs, asked of a request."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from aiohttp import web

from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Needs
from sentri.web.guards import forbidden

__all__ = ["API_KEY_HEADER", "admit", "has_api_key", "readmit"]

API_KEY_HEADER: Final = "X-Api-Key"


async def admit(context: WebContext, needs: Needs, request: web.Request) -> AuthUser | None:
    """The user who may call, or None where nobody has to be one. Raises what refuses the request."""
    match needs:
        case Needs.NOTHING:
            return None
        case Needs.API_KEY:
            has_api_key(context, request)
            return None
        case Needs.USER:
            return await context.identify(request)
        case Needs.ADMIN:
            return await _admin(context, request, await context.identify(request))


async def readmit(context: WebContext, needs: Needs, request: web.Request) -> AuthUser:
    """The user who was let in, as they are now, if they still would be. Raises what refuses the request.

    For when its body is there: who sends the head of a request may let us wait for the body as long as they like, and
    an admin keep a few such requests for the day on which they are none any more.
    """
    user = await context.recheck(request)
    return await _admin(context, request, user) if needs is Needs.ADMIN else user


async def _admin(context: WebContext, request: web.Request, user: AuthUser) -> AuthUser:
    if context.gates.admin_roles.isdisjoint(user.roles):
        await context.denials.tell(request, "admin", user)
        raise forbidden()
    return user


def has_api_key(context: WebContext, request: web.Request) -> bool:
    """Whether the request shows an API key; where none is configured, nobody does. Raises `UNAUTHORIZED`."""
    if not context.gates.api_keys:
        return False
    shown = hashlib.sha256(request.headers.get(API_KEY_HEADER, "").encode(errors="surrogateescape")).digest()
    matches = [hmac.compare_digest(shown, key) for key in context.gates.api_keys]  # all, whichever matches
    if not any(matches):
        raise SentriError("UNAUTHORIZED", f"A valid {API_KEY_HEADER} header is required.")
    return True
