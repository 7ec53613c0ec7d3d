"""Client mode with sentri: guards and the error middleware by hand, or everything that `setup` wires."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

import sentri
from benchmarks.credentials import AUDIENCE, ISSUER
from benchmarks.servers.serving import SETTINGS, serve

auth = sentri.create_auth(mode="client", key_uri=SETTINGS["key_uri"], issuer=ISSUER, audience=AUDIENCE)


async def prefetch(_: web.Application) -> AsyncIterator[None]:
    async with auth:
        await auth.prefetch()
        yield


@auth.protect
async def profile(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": sentri.current_user(request).id})


@auth.authorize("role-0")
async def with_role(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": sentri.current_user(request).id})


app = web.Application()
if SETTINGS["wiring"] == "setup":
    auth.setup(app)
else:
    app.middlewares.append(auth.error_middleware())
    app.cleanup_ctx.append(prefetch)
app.router.add_get("/profile", profile)
app.router.add_get("/with-role", with_role)
serve(app)
