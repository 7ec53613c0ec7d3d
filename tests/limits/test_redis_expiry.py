"""Whatever sentri writes to Redis goes by itself."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.redis_servers import REDIS
from tests.support import PASSWORD, data_of

KEY = "an API key of more than thirty-two bytes"
VISITOR = {"X-Forwarded-For": "203.0.113.7"}


class Orders:
    """A host with an endpoint that answers at once, one that is never kept, and one that waits."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()
        self.goes_on = asyncio.Event()

    def application(self, auth) -> web.Application:
        app = web.Application()
        auth.setup(app)
        app.router.add_post("/orders", auth.protect(self.take))
        return app

    async def take(self, request: web.Request) -> web.Response:
        kind = (await request.json())["kind"]
        if kind == "slow":
            self.waits.set()
            await self.goes_on.wait()
        headers = {"Cache-Control": "no-store"} if kind == "secret" else {}
        return web.json_response({}, status=201, headers=headers)


async def test_every_key_in_redis_expires(make_api, namespace, redis_client):
    orders = Orders()
    options = {"redis_url": REDIS, "namespace": namespace, "trusted_proxies": ["127.0.0.1"], "api_key": KEY}
    api = await make_api(app=orders.application, **options)

    def order(kind, key):
        return api.post("/orders", {"kind": kind}, token=token, headers={"Idempotency-Key": key})

    async def send(path, body, **more):
        answer = await api.post(path, body, headers={**VISITOR, **more})
        return answer.status

    new = {"identifier": "Ann", "password": PASSWORD}
    assert await send("/auth/register", new, **{"X-Api-Key": KEY[::-1]}) == 401
    assert await send("/auth/register", new, **{"X-Api-Key": KEY}) == 201
    assert await send("/auth/login", {**new, "password": "wrong horse"}) == 401
    assert await send("/auth/login", {"identifier": "nobody", "password": PASSWORD}) == 401
    token = (await data_of(await api.login("Ann")))["accessToken"]
    assert (await api.call("PATCH", "/auth/me/identifier", {"identifier": "Bea"}, token=token)).status == 200
    assert [(await order("plain", "a")).status for _ in range(2)] == [201, 201]
    assert [(await order("secret", "b")).status for _ in range(2)] == [201, 409]
    slow = asyncio.create_task(order("slow", "c"))
    await orders.waits.wait()
    left = {key: redis_client.pttl(key) for key in redis_client.scan_iter(f"{namespace}:*")}
    orders.goes_on.set()
    assert (await slow).status == 201
    assert {key.split(b":")[1] for key in left} == {b"limits", b"idempotency"}
    assert len([key for key in left if b":idempotency:" in key]) == 3
    day = 86_400_000
    assert {key: time for key, time in left.items() if not 0 < time <= day} == {}
