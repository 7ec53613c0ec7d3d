"""A session from the database on every request, by hand: PyJWT, then one select by the session's id."""

from __future__ import annotations

from collections.abc import AsyncIterator

import jwt
from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.credentials import AUDIENCE, ISSUER
from benchmarks.servers.connecting import reader_for
from benchmarks.servers.serving import SETTINGS, bearer, serve, unauthorized

KEY = jwt.PyJWK(SETTINGS["key"])
sessions = reader_for(SETTINGS["db"])


async def opened(_: web.Application) -> AsyncIterator[None]:
    await sessions.open()
    yield
    await sessions.close()


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        claims = jwt.decode(bearer(request), KEY, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
        session_id = claims["sid"]
    except (jwt.PyJWTError, KeyError):
        raise unauthorized() from None
    row = await sessions.session(session_id)
    if row is None:
        raise unauthorized()
    user_id, expires_at, revoked_at, is_active = row
    if revoked_at is not None or not is_active or expires_at <= sessions.now():
        raise unauthorized()
    request["user_id"] = user_id
    return await handler(request)


async def profile(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": str(request["user_id"])})


app = web.Application(middlewares=[authenticated])
app.cleanup_ctx.append(opened)
app.router.add_get("/profile", profile)
serve(app)
