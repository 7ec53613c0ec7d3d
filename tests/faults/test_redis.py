"""A Redis that is killed, frozen, full or closed to us while people use sentri.

Limits are counted per process meanwhile, and people get in; what they send with an idempotency key is answered with
503, since nobody could tell whether it was done before. Both are as they were within two seconds of its return.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from sentri.config.database import Database as DatabaseOptions
from tests.databases import Loop, chosen
from tests.faults.stage import RECOVERY, Stage
from tests.own_redis import OwnRedis
from tests.storage.proxy import Proxy


@pytest.fixture(scope="module")
def server() -> Iterator[OwnRedis]:
    chosen("sqlite")
    made = OwnRedis()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def network(server) -> Iterator[Proxy]:
    """What is between sentri and Redis."""
    loop, proxy = Loop(), Proxy("127.0.0.1", server.port)
    loop.run(proxy.start())
    yield proxy
    loop.run(proxy.stop())
    loop.close()


@pytest.fixture(scope="module")
def stage(server, network, tmp_path_factory) -> Iterator[Stage]:
    file = tmp_path_factory.mktemp("redis") / "auth.db"
    made = Stage(
        DatabaseOptions(dialect="sqlite", database=str(file)),
        proxied=False,
        timeout=2.0,  # as long as Redis is waited for
        redis_url=f"redis://127.0.0.1:{network.port}/0",
    )
    yield made
    made.close()


@asynccontextmanager
async def killed(server, network) -> AsyncIterator[None]:
    server.stop()
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def frozen(server, network) -> AsyncIterator[None]:
    server.freeze()
    yield
    server.thaw()


@asynccontextmanager
async def swallowed(server, network) -> AsyncIterator[None]:
    """A network that drops everything, then delivers what it held back."""
    network.swallow()
    yield
    network.flow()


@asynccontextmanager
async def unheard(server, network) -> AsyncIterator[None]:
    """Every answer is cut in its middle: what was asked for is done, and sentri does not know."""
    network.cuts_every = 1
    yield
    network.cuts_every = 0


@asynccontextmanager
async def full(server, network) -> AsyncIterator[None]:
    """It has no memory left, and throws nothing out."""
    server.configure("CONFIG", "SET", "maxmemory", "1")
    yield
    server.configure("CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def read_only(server, network) -> AsyncIterator[None]:
    """It became the replica of another, which does not answer."""
    server.configure("REPLICAOF", "127.0.0.1", "1")
    yield
    server.configure("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def closed_to_us(server, network) -> AsyncIterator[None]:
    """It wants a password."""
    server.configure("CONFIG", "SET", "requirepass", "another")
    server.configure("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", password="another")
    yield
    server.configure("CONFIG", "SET", "requirepass", "", password="another")


@asynccontextmanager
async def loading(server, network) -> AsyncIterator[None]:
    """It reads what it had, and answers nothing else until then."""
    server.stop()
    await asyncio.to_thread(server.start_slowly)
    yield
    await asyncio.to_thread(server.await_loaded)


FAULTS = [killed, frozen, swallowed, unheard, full, read_only, closed_to_us, loading]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_survives_a_redis_that_is(stage, server, network, fault):
    phase = fault.__name__
    before = stage.log_says("count per process")
    async with stage.traffic(keyed=True) as traffic:
        traffic.forgets = fault in (killed, loading)  # it comes back empty: nobody promised more
        traffic.phase = phase
        async with fault(server, network):
            orders = await asyncio.gather(*(order(traffic) for _ in range(3)))
            assert {status for status, _ in orders} == {503}
            if fault is not full:  # counting goes on there: what takes the place of what was removed first is let in
                await told_of_the_outage(traffic, stage, before)
        back = time.monotonic()
        await asyncio.gather(keeps_keys_again(traffic, back), counts_together_again(traffic, stage, back))
        traffic.phase = "healthy"
        await traffic.answers(30, within=10)
        await traffic.end()
    await stage.check(phase)
    refused = {answer.what for answer in stage.ledger.during(phase) if answer.status == 503}
    assert refused == {"order"}
    told = stage.log_says("count per process") - before
    if fault is unheard:
        assert told >= 1  # of every outage that an answer between two cuts has ended
    else:
        assert told == (0 if fault is full else 1)


async def order(traffic):
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    return await traffic.ask("order", "POST", "/orders", "once", traffic.admin, headers=headers)


async def told_of_the_outage(traffic, stage, before) -> None:
    """Somebody logs in, which has to be counted."""
    end = time.monotonic() + 30
    while stage.log_says("count per process") == before:
        body = {"identifier": f"nobody-{secrets.token_hex(8)}", "password": "a wrong one"}
        status, _ = await traffic.ask("login", "POST", "/auth/login", body)
        assert status == 401
        assert time.monotonic() < end


async def keeps_keys_again(traffic, back) -> None:
    """An order with a key is carried out."""
    status = 0
    while status != 200:
        status, _ = await order(traffic)
        assert time.monotonic() - back < RECOVERY


async def counts_together_again(traffic, stage, back) -> None:
    """People try to log in, as they always do, and it counts in Redis."""

    async def try_to_log_in() -> None:
        while True:
            body = {"identifier": f"nobody-{secrets.token_hex(8)}", "password": "a wrong one"}
            await traffic.ask("login", "POST", "/auth/login", body)

    trying = [asyncio.create_task(try_to_log_in()) for _ in range(3)]
    while stage.log_says("count per process") > stage.log_says("together again"):
        await asyncio.sleep(0.02)
        assert time.monotonic() - back < RECOVERY
    for task in trying:
        task.cancel()
    await asyncio.gather(*trying, return_exceptions=True)
