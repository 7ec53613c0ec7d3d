"""Idempotency keys by hand, in a dict or in Redis.

It has a fingerprint of the request, 409 while the first runs, and 422 for another body.
What it leaves out: callers, limits, waiting, and work that outlives its client.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from redis.asyncio import Redis

from benchmarks.servers.handlers import order
from benchmarks.servers.serving import SETTINGS, serve

TTL = 300


class Store(Protocol):
    async def begin(self, key: str, mine: str) -> str:
        """What stands under the key now: `mine`, where nothing stood."""
        ...

    async def finish(self, key: str, answer: str) -> None: ...

    async def forget(self, key: str) -> None: ...


class InDict:
    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def begin(self, key: str, mine: str) -> str:
        return self._kept.setdefault(key, mine)

    async def finish(self, key: str, answer: str) -> None:
        self._kept[key] = answer

    async def forget(self, key: str) -> None:
        self._kept.pop(key, None)


class InRedis:
    def __init__(self, url: str, prefix: str) -> None:
        self._redis = Redis.from_url(url, decode_responses=True)
        self._prefix = prefix

    async def begin(self, key: str, mine: str) -> str:
        return await self._redis.set(f"{self._prefix}:{key}", mine, nx=True, get=True, ex=TTL) or mine

    async def finish(self, key: str, answer: str) -> None:
        await self._redis.set(f"{self._prefix}:{key}", answer, ex=TTL)

    async def forget(self, key: str) -> None:
        await self._redis.delete(f"{self._prefix}:{key}")


def idempotent(store: Store) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST":
            return await handler(request)
        seen = hashlib.sha256(f"{request.method} {request.path}\n".encode() + await request.read()).hexdigest()
        mine = json.dumps([seen, secrets.token_hex(8)])
        found = await store.begin(key, mine)
        if found != mine:
            return replay(json.loads(found), seen)
        try:
            response = cast("web.Response", await handler(request))
        except BaseException:
            await store.forget(key)
            raise
        await store.finish(key, json.dumps([seen, response.status, response.content_type, response.text]))
        return response

    return middleware


def replay(found: list[Any], seen: str) -> web.Response:
    if found[0] != seen:
        raise web.HTTPUnprocessableEntity
    if len(found) == 2:
        raise web.HTTPConflict(headers={"Retry-After": "1"})
    _, status, content_type, text = found
    return web.Response(status=status, text=text, content_type=content_type, headers={"Idempotent-Replayed": "true"})


store = InDict() if SETTINGS["store"] == "dict" else InRedis(SETTINGS["redis_url"], SETTINGS["prefix"])
app = web.Application(middlewares=[idempotent(store)])
app.router.add_post("/orders", order)
serve(app)
