"""Client mode by hand: joserfc in a middleware, keys from the published set."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from benchmarks.credentials import AUDIENCE, ISSUER
from benchmarks.servers.serving import SETTINGS, bearer, serve, unauthorized

claims_registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
)
published = KeySet([])


async def fetch_keys(_: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session, session.get(SETTINGS["key_uri"]) as response:
        published.keys.extend(KeySet.import_key_set(await response.json()).keys)
    yield


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        claims = jwt.decode(bearer(request), published, algorithms=["RS256"]).claims
        claims_registry.validate(claims)
    except (JoseError, ValueError):
        raise unauthorized() from None
    request["claims"] = claims
    return await handler(request)


async def profile(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": request["claims"]["sub"]})


app = web.Application(middlewares=[authenticated])
app.cleanup_ctx.append(fetch_keys)
app.router.add_get("/profile", profile)
serve(app)
