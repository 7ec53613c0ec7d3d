"""aiohttp alone: the same handlers as everywhere, with nothing in front of them, or a middleware that does nothing."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.servers.handlers import health, order
from benchmarks.servers.serving import SETTINGS, serve

NOBODY = "00000000-0000-0000-0000-000000000000"


async def profile(_: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": NOBODY})


async def refresh(request: web.Request) -> web.Response:
    asked = await request.json()
    return web.json_response({"accessToken": NOBODY, "refreshToken": asked["refreshToken"]})


@web.middleware
async def nothing(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


app = web.Application(middlewares=[nothing] * SETTINGS.get("middlewares", 0))
app.router.add_get("/profile", profile)
app.router.add_get("/health", health)
app.router.add_post("/orders", order)
app.router.add_post("/auth/refresh", refresh)
serve(app)
