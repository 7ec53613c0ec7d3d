"""A database server that is killed, frozen, slow or full while people use sentri.

In all of these: what is answered is right, or 503 in time; what was acknowledged is there; what was ended or never
signed opens nothing; everything works within two seconds of the service's return, in the same process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncmy
import asyncpg
import pytest


@asynccontextmanager
async def killed(stage, service) -> AsyncIterator[None]:
    await asyncio.to_thread(service.kill)
    yield
    await asyncio.to_thread(service.start)


@asynccontextmanager
async def stopped(stage, service) -> AsyncIterator[None]:
    await asyncio.to_thread(service.stop)
    yield
    await asyncio.to_thread(service.start)


@asynccontextmanager
async def frozen(stage, service) -> AsyncIterator[None]:
    service.freeze()
    yield
    service.thaw()


@asynccontextmanager
async def swallowed(stage, service) -> AsyncIterator[None]:
    """A network that drops everything, then delivers what it held back."""
    stage.proxy.swallow()
    yield
    stage.loop.run(called(stage.proxy.flow))


@asynccontextmanager
async def forgotten(stage, service) -> AsyncIterator[None]:
    """Connections that are open, and never hear anything again."""
    stage.loop.run(called(stage.proxy.bury))
    stage.proxy.swallow()
    yield
    stage.loop.run(called(stage.proxy.bury))
    stage.loop.run(called(stage.proxy.flow))


@asynccontextmanager
async def unheard(stage, service) -> AsyncIterator[None]:
    """Many an answer is cut in its middle, that to a COMMIT too: it was done, and sentri does not know."""
    stage.proxy.cuts_every = 7
    yield
    stage.proxy.cuts_every = 0


@asynccontextmanager
async def crowded(stage, service) -> AsyncIterator[None]:
    """Somebody else has all the connections that there are."""
    async with AsyncExitStack() as held:
        stage.loop.run(stage.proxy.stop())
        for connection in [connection async for connection in every_connection(service)]:
            held.callback(close, connection)
        stage.loop.run(stage.proxy.start())
        yield


@asynccontextmanager
async def full(stage, service) -> AsyncIterator[None]:
    service.disk.fill()
    yield
    service.disk.make_room()


@asynccontextmanager
async def read_only(stage, service) -> AsyncIterator[None]:
    await asyncio.to_thread(service.read_only, on=True)
    yield
    await asyncio.to_thread(service.read_only, on=False)


@asynccontextmanager
async def crawling(stage, service) -> AsyncIterator[None]:
    """A network on which a round trip takes longer than anybody waits."""
    stage.proxy.delay = stage.timeout * 0.6
    yield
    stage.proxy.delay = 0.0


FAULTS = [killed, stopped, frozen, crawling, swallowed, forgotten, unheard, crowded, full, read_only]


async def called(function: Callable[[], None]) -> None:
    """In the proxy's loop."""
    function()


async def every_connection(service):
    """Open connections until there are no more."""
    options = service.options
    where = {"host": options.host, "port": options.port, "user": options.user, "database": options.database}
    try:
        while True:
            if options.dialect == "postgres":
                yield await asyncpg.connect(**where)
            else:
                yield await asyncmy.connect(**where, password=options.password)
    except (asyncpg.TooManyConnectionsError, asyncmy.errors.OperationalError):
        return


def close(connection) -> None:
    connection.terminate() if isinstance(connection, asyncpg.Connection) else connection.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_survives_a_database_that_is(stage, service, fault):
    phase = fault.__name__
    async with stage.traffic() as traffic:
        traffic.phase = phase
        async with fault(stage, service):
            await traffic.answers(3 if fault is full else 15, within=30, status=503)
        await stage.recovers(traffic)
        traffic.phase = "healthy"
        await traffic.answers(30, within=10)
        await traffic.end()
        await stage.has_its_pool(traffic)
        assert await asyncio.to_thread(stage.connections) <= stage.options.max
    await stage.check(phase)


async def test_a_slow_network_makes_answers_late_and_none_wrong(stage, service):
    async with stage.traffic() as traffic:
        traffic.phase = "slow"
        stage.proxy.delay = 0.02
        await traffic.answers(60, within=30)
        stage.proxy.delay = 0.0
        traffic.phase = "healthy"
        await traffic.end()
    await stage.check("slow")
    assert stage.ledger.statuses("slow")[503] == 0
