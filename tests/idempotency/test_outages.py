"""Redis goes down and comes back: nothing hangs, nothing runs twice, and nobody restarts anything."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Count

import pytest
from aiohttp import DummyCookieJar, web

import sentri
from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.redis import RedisStore
from tests.idempotency.application import Counter, Running, new_key, refused, replayed, sharing, until
from tests.support import serving


@pytest.fixture
async def on(own_redis):
    """A function that starts an application on the Redis that may be stopped."""
    clients = []

    async def make(handler, **options):
        middleware = sentri.create_idempotency_middleware(redis_url=own_redis.url, **options)
        app = web.Application(middlewares=[middleware])
        app.router.add_post("/", handler.handle)
        app.on_shutdown.append(middleware.close)
        clients.append(serving(app, DummyCookieJar()))
        await clients[-1].start_server()
        return Running(clients[-1], middleware)

    yield make
    for client in clients:
        await client.close()


async def test_a_key_that_cannot_be_looked_up_is_a_retryable_503(own_redis, on):
    handler, key = Counter(), new_key()
    running = await on(handler)
    own_redis.stop()
    response = await running.post("/", key)
    await refused(response, 503, "SERVICE_UNAVAILABLE")
    assert response.headers["Retry-After"] == "1"
    assert (await running.post("/")).status == 201, "without a key nothing is asked of the store"
    own_redis.start()
    assert (await running.post("/", key)).status == 201
    assert replayed(await running.post("/", key))
    assert len(handler.runs) == 2


async def test_bypass_runs_without_the_guarantee(own_redis, on):
    handler, key = Counter(), new_key()
    running = await on(handler, on_store_error="bypass")
    own_redis.stop()
    assert [(await running.post("/", key)).status for _ in range(2)] == [201, 201]
    own_redis.start()
    assert [replayed(await running.post("/", key)) for _ in range(2)] == [False, True]
    assert len(handler.runs) == 3


async def test_a_redis_that_says_nothing_more_hangs_nobody(own_redis, on):
    running = await on(Counter())
    await running.post("/", new_key())
    own_redis.freeze()
    async with asyncio.timeout(15):  # a machine that is busy besides takes its time for a hundred
        answers = await asyncio.gather(*(running.post("/", new_key()) for _ in range(100)))
    assert {each.status for each in answers} == {503}
    own_redis.thaw()
    assert (await running.post("/", new_key())).status == 201


async def test_a_key_that_a_frozen_redis_takes_later_is_free_again_and_not_only_when_its_lease_ends(own_redis, on):
    handler, key = Counter(), new_key()
    running = await on(handler)
    await running.post("/", new_key())
    own_redis.freeze()
    await refused(await running.post("/", key), 503, "SERVICE_UNAVAILABLE")
    own_redis.thaw()
    async with asyncio.timeout(5):  # a lease lasts ten seconds
        assert (await running.post("/", key)).status == 201


async def test_a_store_that_fails_after_the_run_changes_no_answer_and_hears_of_it_later(own_redis, on):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    running = await on(handler)
    first = asyncio.create_task(running.post("/", key))
    await handler.started.wait()
    own_redis.stop()
    handler.gate.set()
    assert (await first).status == 201
    assert replayed(await running.post("/", key)), "this process knows it, though Redis does not"
    own_redis.start()
    await until(lambda: running.middleware.busy == 0)
    another = await on(handler)
    assert replayed(await another.post("/", key)), "and now Redis does too"
    assert len(handler.runs) == 1


async def test_a_lease_that_redis_lost_is_taken_again_by_whoever_runs(own_redis):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    stores = [RedisStore(own_redis.url, namespace="n", ttl=60, lease=1.0) for _ in range(2)]
    async with (
        sharing(stores[0], handler, lease=1.0) as one,
        sharing(stores[1], handler, lease=1.0, wait=0.1) as other,
    ):
        first = asyncio.create_task(one.post("/", key))
        await handler.started.wait()
        own_redis.stop()
        own_redis.start()
        await until(own_redis.keys)  # the next renewal
        await refused(await other.post("/", key), 409, "IDEMPOTENCY_CONFLICT")
        handler.gate.set()
        assert (await first).status == 201
        assert replayed(await other.post("/", key))
    assert len(handler.runs) == 1


async def test_an_outage_is_told_once_and_so_is_its_end(own_redis, on, caplog):
    running = await on(Counter())
    own_redis.stop()
    await asyncio.gather(*(running.post("/", new_key()) for _ in range(20)))
    own_redis.start()
    await asyncio.gather(*(running.post("/", new_key()) for _ in range(20)))
    assert [record.getMessage() for record in caplog.records if record.name == "sentri"] == [
        "The idempotency store fails: Redis failed with ConnectionError",
        "The idempotency store answers again.",
    ]


async def test_no_failure_shows_the_password(on, own_redis, caplog):
    caplog.set_level(logging.DEBUG)
    middleware = sentri.create_idempotency_middleware(redis_url="redis://user:swordfish@127.0.0.1:1/0")
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/", Counter().handle)
    async with serving(app) as client:
        response = await Running(client, middleware).post("/", new_key())
        assert "swordfish" not in await response.text()
    await middleware.close()
    assert "swordfish" not in caplog.text
    assert "swordfish" not in repr(vars(middleware))


async def test_a_thousand_requests_while_redis_is_stopped_and_started(own_redis, on):
    """As clients should: each tries one key until it gets a 2xx."""
    done = Count()

    class Paying:
        async def handle(self, request):
            done[await request.text()] += 1
            await asyncio.sleep(0.002)
            return web.Response(status=201)

    running = await on(Paying())
    slowest, answers, refusals = 0.0, Count(), Count()

    async def client(number):
        nonlocal slowest
        key = new_key()
        while True:
            begun = asyncio.get_running_loop().time()
            response = await running.post("/", key, f"order {number}")
            slowest = max(slowest, asyncio.get_running_loop().time() - begun)
            if response.status == 201:
                answers[number] += 1
                return
            assert response.status == 503, await response.text()
            refusals[number] += 1
            await asyncio.sleep(0.05)

    clients = [asyncio.create_task(client(number)) for number in range(1000)]
    await until(lambda: len(done) > 300)
    own_redis.stop()
    await until(lambda: len(refusals) > 50)
    await asyncio.to_thread(own_redis.start)
    async with asyncio.timeout(60):
        await asyncio.gather(*clients)
    assert answers.total() == done.total() == len(done) == 1000
    assert refusals, "Redis was really away"
    assert slowest < 10


@pytest.mark.parametrize("mode", ["fail", "bypass"])
async def test_whoever_waits_for_a_redis_that_says_nothing_hears_of_it_together(own_redis, on, mode):
    """Not one after the other, each after the time that the one before has waited."""
    handler = Counter()
    running = await on(handler, on_store_error=mode, wait=5)
    await running.post("/", new_key())
    own_redis.freeze()
    key = new_key()
    async with asyncio.timeout(4):
        answers = await asyncio.gather(*(running.post("/", key) for _ in range(20)))
    assert {each.status for each in answers} == ({503} if mode == "fail" else {201})
    assert len(handler.runs) == (1 if mode == "fail" else 21)
    own_redis.thaw()


class Mistaken(MemoryStore):
    """A store of the host's own, with a mistake in it.

    Attributes:
        broken: the operations that have it.
    """

    broken = frozenset()

    async def begin(self, *what):
        return await self._tried(super().begin, what)

    async def renew(self, *what):
        return await self._tried(super().renew, what)

    async def complete(self, *what):
        return await self._tried(super().complete, what)

    async def release(self, *what):
        return await self._tried(super().release, what)

    async def _tried(self, operation, what):
        if operation.__name__ in self.broken:
            raise RuntimeError("a mistake of the store's")
        return await operation(*what)


@pytest.fixture
def mistaken():
    return Mistaken(ttl=60, lease=0.3, max_size=100, max_bytes=1 << 20)


async def test_a_renewal_that_fails_anyhow_is_not_the_last(mistaken):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    async with sharing(mistaken, handler, lease=0.3) as one, sharing(mistaken, handler, lease=0.3, wait=0) as other:
        first = asyncio.create_task(one.post("/", key))
        await handler.started.wait()
        mistaken.broken = {"renew"}
        await asyncio.sleep(0.15)
        mistaken.broken = frozenset()
        await asyncio.sleep(0.6)  # two leases
        asyncio.get_running_loop().call_later(0.5, handler.gate.set)
        await refused(await other.post("/", key), 409, "IDEMPOTENCY_CONFLICT")
        assert (await first).status == 201


async def test_an_answer_that_cannot_be_told_anyhow_is_told_later(mistaken, caplog):
    handler, key = Counter(), new_key()
    mistaken.broken = {"complete"}
    async with sharing(mistaken, handler, lease=0.3) as one, sharing(mistaken, handler, lease=0.3) as other:
        assert (await one.post("/", key)).status == 201
        await asyncio.sleep(0.1)
        mistaken.broken = frozenset()
        await until(lambda: one.middleware.busy == 0)
        assert replayed(await other.post("/", key))
    assert caplog.text.count("RuntimeError: a mistake") == 1


async def test_a_key_that_cannot_be_freed_hides_no_failure(mistaken):
    async def answer(request):
        raise web.HTTPPaymentRequired

    handler = Counter(answer)
    mistaken.broken = {"release"}
    async with sharing(mistaken, handler, lease=0.3) as running:
        assert (await running.post("/", new_key())).status == 402


@pytest.mark.parametrize("answer", [None, True, "begun"])
async def test_a_store_that_answers_nonsense_lets_nothing_run(caplog, answer):
    class Nonsense(MemoryStore):
        async def begin(self, *what):
            return answer

    handler = Counter()
    async with sharing(Nonsense(ttl=60, lease=10, max_size=100, max_bytes=1 << 20), handler, lease=10) as running:
        await refused(await running.post("/", new_key()), 503, "SERVICE_UNAVAILABLE")
    assert handler.runs == []
    assert f"the idempotency store answered with a {type(answer).__name__}" in caplog.text


async def test_a_store_that_raises_before_it_can_be_awaited_is_down(caplog):
    class Plain(MemoryStore):
        def begin(self, *what):
            raise RuntimeError("no coroutine")

    handler = Counter()
    async with sharing(Plain(ttl=60, lease=10, max_size=100, max_bytes=1 << 20), handler, lease=10) as running:
        await refused(await running.post("/", new_key()), 503, "SERVICE_UNAVAILABLE")
    assert caplog.text.count("RuntimeError: no coroutine") == 1


async def test_a_store_that_cannot_be_closed_stops_no_shutdown(caplog):
    class Open(MemoryStore):
        async def close(self):
            raise RuntimeError("it stays open")

    handler = Counter()
    async with sharing(Open(ttl=60, lease=10, max_size=100, max_bytes=1 << 20), handler, lease=10) as running:
        assert (await running.post("/", new_key())).status == 201
    assert "The idempotency store could not be closed." in caplog.text
    assert "RuntimeError: it stays open" in caplog.text


async def test_a_renewal_on_its_way_is_no_loss_of_a_run_that_has_ended(caplog):
    class Late(MemoryStore):
        async def renew(self, *what):
            await asyncio.sleep(0.05)
            return await super().renew(*what)

    handler, key = Counter(), new_key()
    handler.gate.clear()
    store = Late(ttl=60, lease=0.3, max_size=100, max_bytes=1 << 20)
    async with sharing(store, handler, lease=0.3) as running:
        first = asyncio.create_task(running.post("/", key))
        await handler.started.wait()
        await asyncio.sleep(0.12)  # the first renewal is on its way
        handler.gate.set()
        await first
        await asyncio.sleep(0.1)
        assert replayed(await running.post("/", key))
    assert "another run has taken" not in caplog.text
