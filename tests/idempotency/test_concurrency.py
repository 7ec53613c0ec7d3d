"""Repeats at the same time: one runs, the others wait for it, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web

import sentri
from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.record import Begun, InFlight
from sentri.idempotency.turns import MOST_WAITING
from sentri_testing import ManualClock
from tests.idempotency.application import Counter, Running, new_key, refused, replayed, sharing, until
from tests.support import serving

PROCESSES = pytest.mark.parametrize("backend", ["redis"], indirect=True)
"""Memory is of one process."""


@contextlib.asynccontextmanager
async def another_process(backend, handler, **options):
    """The same application once more, as another process would have it: they share the store alone."""
    middleware = sentri.create_idempotency_middleware(**backend | options)
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/", handler.handle)
    app.on_shutdown.append(middleware.close)
    async with serving(app) as client:
        yield Running(client, middleware)


async def test_fifty_at_once_run_once(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})
    answers = await asyncio.gather(*(running.post("/", key, b"x") for _ in range(50)))
    assert {(each.status, await each.text()) for each in answers} == {(201, '{"run": 1}')}
    assert sum(map(replayed, answers)) == 49
    assert handler.runs == [b"x"]


async def test_of_failing_repeats_one_runs_at_a_time(idempotent):
    async def answer(request):
        await asyncio.sleep(0)
        raise web.HTTPBadRequest

    handler, key = Counter(answer), new_key()
    running = await idempotent({"/": handler})
    answers = await asyncio.gather(*(running.post("/", key) for _ in range(10)))
    assert {each.status for each in answers} == {400}
    assert (len(handler.runs), handler.most_at_once) == (10, 1)


async def test_whoever_waits_too_long_is_told_to_come_back(idempotent):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    running = await idempotent({"/": handler}, wait=0.05)
    first = asyncio.create_task(running.post("/", key))
    await handler.started.wait()
    second = await running.post("/", key)
    await refused(second, 409, "IDEMPOTENCY_CONFLICT")
    assert int(second.headers["Retry-After"]) > 0
    handler.gate.set()
    assert (await first).status == 201
    assert replayed(await running.post("/", key))
    assert len(handler.runs) == 1


async def test_another_body_is_refused_while_the_first_runs(idempotent):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    running = await idempotent({"/": handler})
    first = asyncio.create_task(running.post("/", key, b"1"))
    await handler.started.wait()
    await refused(await running.post("/", key, b"2"), 422, "IDEMPOTENCY_MISMATCH")
    handler.gate.set()
    assert (await first).status == 201


async def test_no_more_than_a_hundred_wait_for_one_key(idempotent):
    told = []
    handler, key = Counter(), new_key()
    handler.gate.clear()
    running = await idempotent({"/": handler}, on_conflict=lambda *what: told.append(what[-1]))
    requests = [asyncio.create_task(running.post("/", key)) for _ in range(MOST_WAITING + 3)]
    await until(lambda: len(told) == 2)
    handler.gate.set()
    answers = await asyncio.gather(*requests)
    assert sorted(each.status for each in answers) == [201] * (MOST_WAITING + 1) + [409] * 2
    assert len(handler.runs) == 1


async def test_a_waiting_client_that_goes_away_is_harmless(idempotent):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    running = await idempotent({"/": handler})
    first = asyncio.create_task(running.post("/", key))
    await handler.started.wait()
    leaving, staying = (asyncio.create_task(running.post("/", key)) for _ in range(2))
    await asyncio.sleep(0.02)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    handler.gate.set()
    assert {(await first).status, (await staying).status} == {201}
    assert len(handler.runs) == 1


@PROCESSES
async def test_two_processes_run_once_and_the_second_waits(idempotent, backend):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    one = await idempotent({"/": handler})
    async with another_process(backend, handler) as other:
        first = asyncio.create_task(one.post("/", key))
        await handler.started.wait()
        waiting = [asyncio.create_task(other.post("/", key)) for _ in range(5)]
        await refused(await other.post("/", key, b"other body"), 422, "IDEMPOTENCY_MISMATCH")
        handler.gate.set()
        answers = await asyncio.gather(first, *waiting)
    assert [replayed(each) for each in answers] == [False] + [True] * 5
    assert len(handler.runs) == 1


@PROCESSES
async def test_in_another_process_too_whoever_waits_too_long_is_told_to_come_back(idempotent, backend):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    one = await idempotent({"/": handler})
    async with another_process(backend, handler, wait=0.1) as other:
        first = asyncio.create_task(one.post("/", key))
        await handler.started.wait()
        answers = await asyncio.gather(*(other.post("/", key) for _ in range(5)))
        for each in answers:
            await refused(each, 409, "IDEMPOTENCY_CONFLICT")
        handler.gate.set()
        assert (await first).status == 201
    assert len(handler.runs) == 1


async def test_a_slow_handler_is_not_run_twice():
    handler, key = Counter(), new_key()
    handler.gate.clear()
    store = MemoryStore(ttl=60, lease=0.5, max_size=100, max_bytes=1 << 20)
    async with (
        sharing(store, handler, lease=0.5) as one,
        sharing(store, handler, lease=0.5, wait=1.2) as other,
    ):
        first = asyncio.create_task(one.post("/", key))
        await handler.started.wait()
        await refused(await other.post("/", key), 409, "IDEMPOTENCY_CONFLICT")  # more than two leases later
        handler.gate.set()
        assert (await first).status == 201
        assert replayed(await other.post("/", key))
    assert len(handler.runs) == 1


class Remembering(MemoryStore):
    """Tells what was begun."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.begun = set()

    async def begin(self, scope, fingerprint, owner):
        self.begun.add(scope)
        return await super().begin(scope, fingerprint, owner)


async def test_a_run_that_lost_its_lease_gives_its_answer_and_records_nothing(caplog):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    clock = ManualClock()
    store = Remembering(ttl=1000, lease=10, max_size=100, max_bytes=1 << 20, clock=clock)
    async with sharing(store, handler, lease=1000) as running:
        first = asyncio.create_task(running.post("/", key))
        await handler.started.wait()
        clock.advance(11)  # its process stood still
        (scope,) = store.begun
        assert await store.begin(scope, b"other", b"another process") == Begun()
        handler.gate.set()
        assert (await first).status == 201
        assert await store.begin(scope, b"other", b"a third") == InFlight(b"other")
    assert "lease" in caplog.text


async def test_keys_that_are_not_in_use_hold_nothing(idempotent):
    handler = Counter()
    running = await idempotent({"/": handler})
    await asyncio.gather(*(running.post("/", new_key()) for _ in range(20)))
    assert running.middleware.busy == 0
