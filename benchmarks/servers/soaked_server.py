"""Server mode with everything that `setup` wires, and a route that is open to all, for hostile requests."""

from __future__ import annotations

import logging

from aiohttp import web

import sentri
from benchmarks.servers.serving import SETTINGS, serve

for name in ("sentri", "aiohttp.server"):  # aiohttp writes a traceback for every request that is no HTTP
    logging.getLogger(name).setLevel(logging.CRITICAL)


async def profile(request: web.Request) -> web.Response:
    return web.json_response(sentri.current_user(request).to_dict())


async def note(request: web.Request) -> web.Response:
    return web.json_response({"length": len(await request.read())})


lost: list[bytearray] = []


async def lose(*_: object) -> None:
    if SETTINGS.get("leaks"):
        lost.append(bytearray(SETTINGS["leaks"]))


auth: sentri.AuthServer | sentri.AuthClient
if SETTINGS["mode"] == "server":
    auth = sentri.create_auth(**SETTINGS["auth"])
else:
    auth = sentri.create_auth(mode="client", **SETTINGS["auth"])
app = web.Application()
auth.setup(app, idempotency=False)
# Full long before the measurement begins: what is kept on purpose is no leak.
app.middlewares.append(auth.idempotency_middleware(max_size=500))
app.router.add_get("/profile", auth.protect(profile))
app.router.add_post("/orders", auth.authorize("admin")(profile))
app.router.add_post("/notes", note)
app.on_response_prepare.append(lose)
serve(app)
