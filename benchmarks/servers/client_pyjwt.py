"""Client mode by hand: PyJWT in a middleware, the published keys; with a dict of verified tokens or without."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.credentials import AUDIENCE, ISSUER
from benchmarks.servers.serving import SETTINGS, bearer, serve, unauthorized

CACHED = SETTINGS.get("cached", 0)
keys: dict[str, jwt.PyJWK] = {}
verified: dict[str, dict[str, Any]] = {}


async def fetch_keys(_: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session, session.get(SETTINGS["key_uri"]) as response:
        keys.update({key["kid"]: jwt.PyJWK(key) for key in (await response.json())["keys"]})
    yield


def verify(token: str) -> dict[str, Any]:
    try:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return jwt.decode(
            token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp", "sub"]}
        )
    except (jwt.PyJWTError, KeyError):
        raise unauthorized() from None


def verify_once(token: str) -> dict[str, Any]:
    """The oldest token makes room for a new one."""
    claims = verified.get(token)
    if claims is not None and time.time() < claims["exp"]:
        return claims
    claims = verify(token)
    if len(verified) >= CACHED:
        del verified[next(iter(verified))]
    verified[token] = claims
    return claims


check = verify_once if CACHED else verify


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    request["claims"] = check(bearer(request))
    return await handler(request)


async def profile(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": request["claims"]["sub"]})


app = web.Application(middlewares=[authenticated])
app.cleanup_ctx.append(fetch_keys)
app.router.add_get("/profile", profile)
serve(app)
