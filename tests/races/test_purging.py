"""Many purge at once, and others work meanwhile: nothing waits, nothing deadlocks, nothing goes that may not."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

from benchmarks.soaking.filling import Crowd, fill
from sentri.accounts.purging import Purging
from sentri.storage import Database, Sessions, Users
from sentri.storage.drivers import driver_for
from sentri.storage.failures import Nature
from sentri.storage.known_addresses import KnownAddresses
from tests.races.holding import Held
from tests.storage.samples import HASH, NOW, a_session, a_user

DAY = 86400
PATIENCE = 30  # seconds: less than what waits for a lock that is held goes on waiting
ROW_LOCKS = pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)
"""SQLite locks the file: others wait there, for as long as a batch takes."""


class Watched:
    """A driver that counts the deadlocks and locked files that it is asked about."""

    def __init__(self, driver) -> None:
        self._driver = driver
        self.conflicts = 0

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def fault(self, error):
        fault = self._driver.fault(error)
        self.conflicts += fault is not None and fault.nature is Nature.CONFLICT
        return fault


@pytest.fixture
async def processes(database_options):
    """Ten databases, as ten processes have them."""
    async with AsyncExitStack() as opened:
        made = []
        for _ in range(10):
            one = Database(database_options, driver=Watched(driver_for(database_options.dialect)), timeout=60)
            await one.open()
            opened.push_async_callback(one.close)
            made.append(one)
        yield made


@pytest.fixture
async def crowd(database):
    """So many others that whoever looks for some rows reads, and locks, those alone: MariaDB reads a table of ten rows
    from end to end.
    """
    await fill(database, Crowd(1000), HASH)


@pytest.fixture
def users(database, crowd):
    return Users(database)


@pytest.fixture
def sessions(database):
    return Sessions(database, lambda: NOW)


async def added(users, key="ann@example.com"):
    user = a_user(key)
    assert await users.add(user)
    return user


async def started(sessions, user, *, expired, count=1):
    made = [a_session(user, expires_at=NOW - 1 - n if expired else NOW + 100) for n in range(count)]
    for session in made:
        assert await sessions.start(session, verified_hash=None)
    return made


async def purged(store):
    """Everything, in small batches; how many there were."""
    total = 0
    while found := await store.purge(before=NOW, most=7):
        total += found
    return total


async def walk(store):
    """Through all addresses, in small batches; how many were deleted."""
    total, after = 0, ""
    while after is not None:
        found, after = await store.purge(after=after, now=NOW, most=50)
        total += found
    return total


async def left(sessions, some):
    return [await sessions.read(one.id) is not None for one in some]


async def test_ten_that_purge_at_once_delete_each_session_once(processes, users, sessions):
    everybody = [await added(users, f"user {number}") for number in range(4)]
    gone = [one for user in everybody for one in await started(sessions, user, expired=True, count=40)]
    living = [one for user in everybody for one in await started(sessions, user, expired=False, count=5)]
    found = await asyncio.gather(*(purged(Sessions(one, lambda: NOW)) for one in processes))
    assert sum(found) == len(gone)
    assert await left(sessions, gone) == [False] * len(gone)
    assert await left(sessions, living) == [True] * len(living)
    assert [one.driver.conflicts for one in processes] == [0] * 10


async def test_ten_that_purge_at_once_delete_each_address_once(processes, users):
    everybody = [await added(users, f"user {number}") for number in range(30)]
    addresses = KnownAddresses(processes[0])
    await walk(addresses)  # those of the crowd
    for number, user in enumerate(everybody):
        for one in range(4):
            seen = NOW - (90 * DAY if one else 0)
            await addresses.remember(user.id, [(1 + 100 * number + one).to_bytes(18, "big")], now=seen)

    found = await asyncio.gather(*(walk(KnownAddresses(one)) for one in processes))
    assert sum(found) == 90
    for number, user in enumerate(everybody):
        assert await addresses.knows(user.id, [(1 + 100 * number).to_bytes(18, "big")], now=NOW)
    assert [one.driver.conflicts for one in processes] == [0] * 10


@ROW_LOCKS
@pytest.mark.parametrize("after", [2, 3], ids=["locked", "deleted"])
async def test_nothing_waits_for_a_purge(processes, users, sessions, after):
    ann, bob = await added(users), await added(users, "bob@example.com")
    gone = await started(sessions, ann, expired=True, count=5)
    living = await started(sessions, ann, expired=False, count=3)
    of_bob = await started(sessions, bob, expired=False, count=2)
    held = Held(processes[0], after=after)
    purging = asyncio.create_task(Sessions(held, lambda: NOW).purge(before=NOW, most=500))
    await held.reached.wait()
    async with asyncio.timeout(PATIENCE):
        assert await sessions.find_active(living[0].id)
        assert await sessions.read(gone[0].id)
        assert await sessions.start(a_session(ann), verified_hash=HASH)
        assert await sessions.start(a_session(ann, expires_at=NOW - 3.5), verified_hash=HASH)  # between two that go
        assert await sessions.start(a_session(bob), verified_hash=HASH, most=3)
        assert await sessions.rotate(
            living[0].id, presented=living[0].jti, successor="new", now=NOW, expires_at=NOW + 200
        )
        assert await sessions.end(living[1].id)
        assert await sessions.end_all(bob.id) == len(of_bob) + 1
        assert await sessions.purge(before=NOW, most=500) == 1  # what has come since
    held.let_go.set()
    assert await purging == 5
    assert await left(sessions, gone) == [False] * 5


@ROW_LOCKS
async def test_a_purge_waits_for_nobody(processes, users, sessions):
    ann = await added(users)
    first, *others = await started(sessions, ann, expired=True, count=4)
    held = Held(processes[0])
    ending = asyncio.create_task(Sessions(held, lambda: NOW).end(first.id))
    await held.reached.wait()
    async with asyncio.timeout(PATIENCE):
        assert await sessions.purge(before=NOW, most=500) == len(others)
    held.let_go.set()
    assert await ending


async def test_a_session_that_is_refreshed_meanwhile_stays(processes, users, sessions, dialect):
    session = a_session(await added(users), expires_at=NOW + 10)
    assert await sessions.start(session, verified_hash=None)
    held = Held(processes[0])
    refreshing = asyncio.create_task(
        Sessions(held, lambda: NOW).rotate(
            session.id, presented=session.jti, successor="new", now=NOW, expires_at=NOW + 100
        )
    )
    await held.reached.wait()
    purging = asyncio.create_task(sessions.purge(before=NOW + 20, most=500))  # by a clock that runs ahead
    if dialect != "sqlite":
        async with asyncio.timeout(PATIENCE):
            assert await purging == 0
    held.let_go.set()
    assert await refreshing
    assert await purging == 0
    assert await sessions.purge(before=NOW + 20, most=500) == 0
    assert await sessions.find_active(session.id)


async def test_an_address_that_is_seen_again_meanwhile_stays(processes, users, dialect):
    ann, name = await added(users), (1).to_bytes(18, "big")
    addresses = KnownAddresses(processes[1])
    await walk(addresses)
    await addresses.remember(ann.id, [name], now=NOW - 90 * DAY)
    held = Held(processes[0], after=2)
    seeing = asyncio.create_task(KnownAddresses(held).remember(ann.id, [name], now=NOW))
    await held.reached.wait()
    purging = asyncio.create_task(addresses.purge(after="", now=NOW, most=500))
    if dialect != "sqlite":
        async with asyncio.timeout(PATIENCE):
            await purging
    held.let_go.set()
    await seeing
    assert (await purging)[0] == 0
    assert await addresses.knows(ann.id, [name], now=NOW)


async def test_logins_refreshes_and_logouts_succeed_while_ten_purge(processes, users, sessions):
    everybody = [await added(users, f"user {number}") for number in range(6)]
    for user in everybody:
        await started(sessions, user, expired=True, count=40)
    stores = [Sessions(one, lambda: NOW) for one in processes]

    async def visit(store, user):
        for number in range(5):
            session = a_session(user, expires_at=NOW + 100)
            assert await store.start(session, verified_hash=HASH, most=50 if number % 2 else None)
            assert await store.find_active(session.id)
            assert await store.rotate(session.id, presented=session.jti, successor="new", now=NOW, expires_at=NOW + 200)
            assert await store.end(session.id)

    visits = [visit(store, user) for store in stores for user in everybody]
    found, *_ = await asyncio.gather(asyncio.gather(*map(purged, stores)), *visits)
    assert sum(found) <= 240  # `most` has ended some of them
    assert await purged(sessions) == 0


@ROW_LOCKS
async def test_a_purge_goes_on_behind_the_batch_of_another(database, processes, users, sessions):
    """The oldest are all in the hands of another one, which is done with them a moment later."""
    user = await added(users)
    gone = await started(sessions, user, expired=True, count=3)
    driver = database.driver
    lock = driver.sql(f"SELECT id FROM sentri_sessions WHERE id {driver.among(3)} {{for_update}}")
    locked, leave = asyncio.Event(), asyncio.Event()

    async def another(session):
        await session.rows(lock, *driver.ids([one.id for one in gone]))
        locked.set()
        await leave.wait()

    class Told(Sessions):
        async def purge(self, *, before, most):
            found = await super().purge(before=before, most=most)
            leave.set()
            await holding
            return found

    holding = asyncio.create_task(processes[0].unit(another))
    await locked.wait()
    told = Told(database, lambda: NOW)
    purging = Purging(
        told, KnownAddresses(database), lambda: NOW, monotonic=lambda: 0.0, logger=logging.getLogger("sentri")
    )
    assert await purging.sessions() >= len(gone)
    assert await left(sessions, gone) == [False] * len(gone)
