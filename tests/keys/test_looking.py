"""Looks at the table: when they are made, how long anything waits for them, and what they change."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from sentri import SentriError
from sentri.keys.looking import Budget, Instant
from sentri.keys.timeline import KeyTimes
from sentri.threads import Threads
from tests.keys.test_kept_keys import eventually, kid_of, session_of
from tests.keys.test_rotating import _with_kid, counted_looks, published

RARELY = KeyTimes(notice=60)


def held_up(auth, monkeypatch):
    """Every answer of the table, held back until the event is set."""
    read, gate = auth._keys.store.read, asyncio.Event()  # noqa: SLF001

    async def slow(**more):
        found = await read(**more)
        await gate.wait()
        return found

    monkeypatch.setattr(auth._keys.store, "read", slow)  # noqa: SLF001
    return gate


def down(auth, monkeypatch):
    async def read(**_):
        raise SentriError("SERVICE_UNAVAILABLE", "down")

    monkeypatch.setattr(auth._keys.store, "read", read)  # noqa: SLF001


# --- what was ended waits for nothing


async def test_a_busy_pool_of_the_host_keeps_no_leaked_key_alive(make_kept, database):
    async with make_kept() as one, make_kept() as two:
        pair = await session_of(one, database)
        await one.keys.retire(now=True)
        busy = [asyncio.get_running_loop().run_in_executor(None, time.sleep, 2) for _ in range(64)]

        async def refused():
            return kid_of(pair) not in published(two)

        await eventually(refused, within=1.5)
        for future in busy:
            future.cancel()


async def test_what_is_new_holds_up_nothing_that_was_ended(make_kept, database):
    async with make_kept() as one, make_kept() as two:
        pair = await session_of(one, database)
        two._keys._worker.begin(lambda: time.sleep(1.5))  # noqa: SLF001
        await one.keys.retire(now=True)

        async def refused():
            return published(two) == []

        async def signs():
            return published(two) == published(one)

        await eventually(refused, within=1.2)
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            two.verify_access_token(pair.access_token)
        await eventually(signs)


async def test_a_row_that_breaks_the_decryption_holds_up_nothing_that_was_ended(make_kept, database, monkeypatch):
    async with make_kept() as one, make_kept() as two:
        pair = await session_of(one, database)
        await asyncio.sleep(0.2)

        def broken(_):
            raise RuntimeError

        monkeypatch.setattr(two._keys, "_held", broken)  # noqa: SLF001
        await one.keys.retire(now=True)

        async def refused():
            return kid_of(pair) not in published(two)

        await eventually(refused, within=2)


@pytest.mark.parametrize("where", ["filter", "handler"])
async def test_a_logger_that_raises_stops_nothing(make_kept, database, where, request):
    logger = logging.getLogger(f"app.{request.node.name}")

    def broken(_):
        raise RuntimeError

    handler = logging.NullHandler()
    handler.handle = broken
    if where == "filter":
        logger.addFilter(broken)
    else:
        logger.addHandler(handler)
    async with make_kept() as one, make_kept(logger=logger) as two:
        pair = await session_of(one, database)
        for _ in range(2):
            leaked = next(i.kid for i in await one.keys.list() if i.state == "signing" and i.purpose == "access")
            await one.keys.retire(leaked, now=True)

            async def refused(leaked=leaked):
                return leaked not in published(two)

            await eventually(refused, within=2)
        assert (await two.authenticate((await session_of(one, database)).access_token)).id != pair.user.id


async def test_a_poller_that_something_ended_begins_again(make_kept, database):
    async with make_kept() as auth:
        pair = await session_of(auth, database)
        auth._keys._looking._task.cancel()  # noqa: SLF001
        await asyncio.sleep(0)
        await auth.authenticate(pair.access_token)
        assert not auth._keys._looking._task.done()  # noqa: SLF001
    assert len(asyncio.all_tasks()) == 1


# --- how old a look may be


async def test_after_an_outage_nothing_is_trusted_before_a_look(make_kept, database, clock, monkeypatch):
    """As of a machine that slept: only the clock on the wall went on."""
    async with make_kept() as one, make_kept(times=RARELY) as two:
        pair = await session_of(one, database)
        await one.keys.retire(now=True)
        await two.authenticate(pair.access_token)  # within the five seconds
        clock.advance(5)
        looks = counted_looks(two, monkeypatch)
        told = await asyncio.gather(*(two.authenticate(pair.access_token) for _ in range(10)), return_exceptions=True)
        assert {error.code for error in told} == {"TOKEN_INVALID"}
        assert kid_of(await session_of(two, database)) == kid_of(await session_of(one, database))
        assert len(looks) == 1  # for all, and none for a key that is known to have been ended


async def test_while_the_database_is_down_the_keys_of_the_last_look_stay_in_force(make_kept, clock, monkeypatch):
    async with make_kept(times=RARELY) as auth:
        before = published(auth)
        down(auth, monkeypatch)
        clock.advance(100)
        await auth._keys.ready()  # noqa: SLF001
        assert published(auth) == before


def test_a_moment_was_within_some_seconds_by_both_clocks():
    then = Instant(100, 1000)
    assert then.was_within(5, Instant(104.9, 1004.9))
    assert not then.was_within(5, Instant(105, 1004))
    assert not then.was_within(5, Instant(104, 1005))
    assert not then.was_within(5, Instant(104, 999))  # somebody has set it: nobody knows


# --- looking for a key that a token names


async def test_an_invented_name_does_not_use_up_the_look_for_a_good_token(make_kept, database):
    async with make_kept() as one, make_kept(times=RARELY) as two:
        pair = await session_of(one, database)
        header, rest = pair.access_token.split(".", 1)
        for name in ("invented", "another"):
            with pytest.raises(SentriError, match="TOKEN_INVALID"):
                await two.authenticate(f"{_with_kid(header, name)}.{rest}")
        await one.keys.retire(now=True)
        pair = await session_of(one, database)
        assert (await two.authenticate(pair.access_token)).id == pair.user.id


async def test_a_look_that_began_too_early_is_followed_by_another(make_kept, database, monkeypatch):
    async with make_kept() as one, make_kept(times=RARELY) as two:
        gate = held_up(two, monkeypatch)
        early = asyncio.create_task(two._keys.learn("invented"))  # noqa: SLF001
        await asyncio.sleep(0.2)
        await one.keys.retire(now=True)
        pair = await session_of(one, database)
        late = asyncio.gather(*(two.authenticate(pair.access_token) for _ in range(5)))
        await asyncio.sleep(0.1)
        gate.set()
        assert {user.id for user in await late} == {pair.user.id}
        assert not await early


def test_a_budget_comes_back_with_time(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    budget = Budget(3, within=6)
    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]
    now[0] += 5.9
    assert not budget.spend()
    now[0] += 0.1
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]


# --- slow answers, late answers


async def test_a_slow_answer_holds_up_no_other_look(make_kept, database, monkeypatch):
    async with make_kept() as one, make_kept(times=RARELY) as two:
        leaked = published(one)
        store = two._keys.store  # noqa: SLF001
        with monkeypatch.context() as slow:
            gate = held_up(two, slow)
            late = asyncio.create_task(two._keys.refresh())  # noqa: SLF001
            await asyncio.sleep(0.2)
        assert store.read.__name__ == "read"
        await one.keys.retire(now=True)
        await asyncio.wait_for(two._keys.refresh(), 1)  # noqa: SLF001
        assert published(two) == published(one)
        gate.set()
        await late
        assert published(two) == published(one) != leaked  # the older answer replaced nothing


async def test_an_answer_that_comes_after_the_end_changes_nothing(make_kept, monkeypatch):
    auth = make_kept(times=RARELY)
    async with auth:
        gate = held_up(auth, monkeypatch)
        late = asyncio.create_task(auth._keys.refresh())  # noqa: SLF001
        await asyncio.sleep(0.1)
    gate.set()
    await late
    with pytest.raises(SentriError, match="CONFIGURATION_ERROR: the signing keys are in the database"):
        auth._keys.ring()  # noqa: SLF001


async def test_who_waits_for_a_look_hears_of_the_end(make_kept, monkeypatch):
    auth = make_kept(times=RARELY)
    async with auth:
        held_up(auth, monkeypatch)
        waiting = asyncio.create_task(auth._keys.learn("invented"))  # noqa: SLF001
        await asyncio.sleep(0.1)
    with pytest.raises(SentriError, match="SERVICE_UNAVAILABLE"):
        await waiting
    assert len(asyncio.all_tasks()) == 1


async def test_a_worker_ends_what_waits_and_begins_again():
    worker = Threads("test")
    first = worker.begin(lambda: time.sleep(0.2))
    second = asyncio.create_task(worker.run(lambda: 1))
    await asyncio.sleep(0.05)
    worker.close()
    with pytest.raises(SentriError, match="SERVICE_UNAVAILABLE"):
        await second
    assert await worker.run(lambda: 2) == 2
    await first
    worker.close()
