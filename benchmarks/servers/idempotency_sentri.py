"""Idempotency keys with sentri, in memory or in Redis; room for every key of a run, as the dict by hand has it."""

from __future__ import annotations

from aiohttp import web

import sentri
from benchmarks.servers.handlers import order
from benchmarks.servers.serving import SETTINGS, serve

ROOM = {"max_size": 10_000_000, "max_bytes": 2**34}
REDIS = {"redis_url": SETTINGS.get("redis_url"), "namespace": SETTINGS.get("prefix")}

middleware = sentri.create_idempotency_middleware(ttl="5m", **(REDIS if SETTINGS["store"] == "redis" else ROOM))
app = web.Application(middlewares=[middleware])
app.on_shutdown.append(middleware.close)
app.router.add_post("/orders", order)
serve(app)
