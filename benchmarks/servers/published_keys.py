"""Stands for the auth server: publishes keys."""

from __future__ import annotations

from aiohttp import web

from benchmarks.servers.serving import SETTINGS, serve


async def keys(_: web.Request) -> web.Response:
    return web.json_response(SETTINGS["keys"], headers={"Cache-Control": "public, max-age=3600"})


app = web.Application()
app.router.add_get("/keys", keys)
serve(app)
