"""Server mode with sentri: sessions in the database, login, refresh."""

from __future__ import annotations

import logging

from aiohttp import web

import sentri
from benchmarks.servers.handlers import health
from benchmarks.servers.serving import SETTINGS, serve
from sentri.passwords.hashing import PasswordHasher

logging.getLogger("sentri").setLevel(logging.ERROR)  # the checks play a thief, and are told of it
if SETTINGS.get("cheap_hashes"):  # of a cost that no option allows, so that a login shows what else it takes
    PasswordHasher.needs_renewal = lambda *_: False  # type: ignore[method-assign]
auth = sentri.create_auth(**SETTINGS["auth"], migrate_on_startup=False)


@auth.protect
async def profile(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "sub": sentri.current_user(request).id})


app = web.Application()
auth.setup(app)
app.router.add_get("/profile", profile)
app.router.add_get("/health", health)
serve(app)
