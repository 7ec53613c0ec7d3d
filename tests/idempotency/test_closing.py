"""`close()` ends what nobody needs any more: no lease of a run, no answer that the store has not heard."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.test_utils import make_mocked_request

import sentri
from sentri import finishing
from sentri.config.idempotency import IdempotencyOptions
from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.record import Answer, Begun, Finished, Scope, StoreUnavailable
from sentri.idempotency.turns import Turns
from sentri.web import idempotency
from sentri.web.idempotency import IdempotencyMiddleware
from tests.idempotency.application import Counter, Running, new_key, replayed, sharing, until
from tests.support import serving

SCOPE, BODY = Scope(b"s" * 32, b"c" * 32), b"f" * 32
PAID = Answer(201, "Created", (), b"paid")


class Failing(MemoryStore):
    """Takes no answers while it is down.

    Attributes:
        closed: how often it was closed.
    """

    is_down = False
    closed = 0

    async def complete(self, scope, fingerprint, owner, answer):
        if self.is_down:
            raise StoreUnavailable
        return await super().complete(scope, fingerprint, owner, answer)

    async def close(self):
        self.closed += 1


@pytest.fixture
def store():
    return Failing(ttl=60, lease=0.3, max_size=100, max_bytes=1 << 20)


def turns(store, **options):
    return Turns(store, wait=0, lease=0.3, keep=60, logger=logging.getLogger("sentri"), **options)


async def test_a_run_keeps_its_lease_and_its_store(store):
    one, other = turns(store), turns(store)
    run = await one.take(SCOPE, BODY)
    await one.close()
    assert store.closed == 0
    await asyncio.sleep(0.6)  # two leases
    assert await store.begin(SCOPE, BODY, b"another process") != Begun()
    await run.complete(PAID)
    await one.close()
    assert (await other.take(SCOPE, BODY), store.closed) == (Finished(BODY, PAID), 1)


@pytest.mark.parametrize("ticks", range(5))
async def test_a_request_that_comes_while_the_last_one_ends_is_not_run_twice(store, ticks):
    one, other = (
        IdempotencyMiddleware(
            IdempotencyOptions.read({"wait": 0}), store, authority=None, logger=logging.getLogger("sentri"), lease=0.3
        )
        for _ in range(2)
    )
    last, handler, keys = Counter(), Counter(), (new_key(), new_key())
    last.gate.clear()
    handler.gate.clear()

    def call(middleware, key, of):
        request = make_mocked_request("POST", "/", headers={"Idempotency-Key": key}, payload=EMPTY_PAYLOAD)
        return asyncio.create_task(middleware(request, of.handle))

    await one.close()
    ending = call(one, keys[0], last)
    await last.started.wait()
    await one.close()
    last.gate.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    run = call(one, keys[1], handler)
    await handler.started.wait()
    await asyncio.sleep(0.6)  # two leases
    assert (await asyncio.wait_for(call(other, keys[1], handler), 2)).status == 409
    handler.gate.set()
    assert [(await each).status for each in (ending, run)] == [201, 201]


async def test_what_the_store_has_not_heard_it_hears_once_more(store):
    run = await (one := turns(store)).take(SCOPE, BODY)
    store.is_down = True
    await run.complete(PAID)
    await asyncio.sleep(0.2)  # the pauses between tries have grown
    store.is_down = False
    await one.close()
    assert await turns(store).take(SCOPE, BODY) == Finished(BODY, PAID)


async def test_a_store_that_stays_down_holds_nobody_up(store):
    run = await (one := turns(store)).take(SCOPE, BODY)
    store.is_down = True
    await run.complete(PAID)
    async with asyncio.timeout(1):
        await one.close()
    assert (len(one), store.closed) == (0, 1)


async def test_answers_that_wait_for_the_store_are_bounded(store):
    one = turns(store, max_bytes=2000)
    store.is_down = True
    scopes = [Scope(bytes([number]) * 32, b"c" * 32) for number in range(2)]
    for scope in scopes:
        await (await one.take(scope, BODY)).complete(Answer(200, "OK", (), b"x" * 1000))
    assert [(await one.take(scope, BODY)).answer is None for scope in scopes] == [False, True]
    store.is_down = False
    await one.close()
    assert [(await turns(store).take(scope, BODY)).answer is None for scope in scopes] == [False, True]


async def test_after_closing_it_is_usable_as_before(own_redis):
    """Another application that shares it has shut down."""
    middleware = sentri.create_idempotency_middleware(redis_url=own_redis.url)
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/", Counter().handle)
    async with serving(app) as client:
        running = Running(client, middleware)
        await running.post("/", new_key())
        await middleware.close()
        await until(lambda: own_redis.connections() == 0)
        before = own_redis.accepted()
        for _ in range(20):
            await running.post("/", new_key())
        assert own_redis.accepted() - before <= 2, "one, and that of the test itself"
    await middleware.close()
    await until(lambda: own_redis.connections() == 0)


async def test_an_answer_that_waits_for_the_store_survives_the_closing_by_another_application(store):
    handler, key = Counter(), new_key()
    async with sharing(store, handler, lease=0.3) as running:
        await running.middleware.close()
        store.is_down = True
        assert (await running.post("/", key)).status == 201
        await asyncio.sleep(0.1)
        store.is_down = False
        await until(lambda: running.middleware.busy == 0)
        assert replayed(await running.post("/", key))
    assert len(handler.runs) == 1


async def test_it_ends_though_a_handler_does_not(monkeypatch):
    monkeypatch.setattr(idempotency, "_SHUTDOWN_TIMEOUT", 0.1)
    monkeypatch.setattr(finishing, "_STOPPING", 0.1)
    started, gate = asyncio.Event(), asyncio.Event()

    async def handler(request):
        started.set()
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):  # it takes no notice
                await gate.wait()
        return web.Response()

    middleware = sentri.create_idempotency_middleware()
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/", handler)
    async with serving(app) as client:
        leaving = asyncio.create_task(client.post("/", headers={"Idempotency-Key": new_key()}))
        await started.wait()
        leaving.cancel()
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            await middleware.close()
        gate.set()
        await until(lambda: middleware.busy == 0)
