"""What every store of attempts does, and what becomes of it when Redis goes away."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sentri.limits import Attempt, Limit, Limiter, MemoryAttempts, Refused
from sentri.limits.record import AttemptsUnavailable
from sentri.limits.redis import RedisAttempts

NARROW, WIDE = Limit(b"narrow", 2, 60.0), Limit(b"wide", 3, 60.0)


@pytest.fixture
async def store(backend, clock):
    made = (
        RedisAttempts(backend["redis_url"], namespace=backend["namespace"], clock=clock)
        if backend
        else MemoryAttempts(clock)
    )
    yield made
    await made.close()


async def test_one_that_is_too_many_is_counted_nowhere(store, clock):
    for name in (b"a", b"b"):
        assert await store.count(name, [NARROW, WIDE]) is None
        clock.advance(1)
    assert await store.count(b"c", [NARROW, WIDE]) == Refused(58.0, frozenset({NARROW}))
    assert await store.count(b"d", [WIDE]) is None
    assert await store.count(b"e", [NARROW, WIDE]) == Refused(58.0, frozenset({NARROW, WIDE}))


async def test_the_wait_is_that_of_the_limit_that_has_room_last(store, clock):
    long = Limit(b"long", 1, 3600.0)
    assert await store.count(b"a", [long]) is None
    assert await store.count(b"b", [WIDE]) is None
    assert (await store.count(b"c", [Limit(b"wide", 1, 60.0), long])).wait == 3600.0
    clock.advance(3600)
    assert await store.count(b"c", [long]) is None


async def test_a_limit_that_was_lowered_counts_what_there_is(store, clock):
    for name in (b"a", b"b", b"c"):
        assert await store.count(name, [WIDE]) is None
        clock.advance(10)
    assert await store.count(b"d", [Limit(b"wide", 1, 60.0)]) == Refused(50.0, frozenset({Limit(b"wide", 1, 60.0)}))


async def test_giving_back_and_resetting(store):
    assert await store.count(b"a", [NARROW]) is None
    assert await store.count(b"b", [NARROW]) is None
    await store.give_back(b"a", [NARROW])
    await store.give_back(b"a", [NARROW])
    assert await store.count(b"c", [NARROW]) is None
    assert await store.count(b"d", [NARROW]) is not None
    await store.reset([NARROW])
    assert await store.count(b"e", [NARROW]) is None


async def test_a_clock_that_is_set_back_locks_nobody_out(store, clock):
    assert await store.count(b"a", [Limit(b"one", 1, 60.0)]) is None
    clock.move_to(clock() - 3600)
    assert await store.count(b"b", [Limit(b"one", 1, 60.0)]) is None


async def test_as_many_as_are_allowed_of_those_that_come_at_once(store):
    found = await asyncio.gather(*(store.count(str(number).encode(), [WIDE]) for number in range(50)))
    assert found.count(None) == 3


async def test_the_same_attempt_may_be_sent_twice(namespace, clock):
    """Whoever got no answer asks again: its own count is not in its way."""
    store = RedisAttempts("redis://127.0.0.1:6379/0", namespace=namespace, clock=clock)
    one = Limit(b"one", 1, 60.0)
    assert [await store.count(b"a", [one]) for _ in range(2)] == [None, None]
    assert await store.count(b"b", [one]) is not None
    await store.close()


async def test_something_else_under_the_key_is_no_reason_to_let_anybody_in(namespace, redis_client, clock):
    store = RedisAttempts("redis://127.0.0.1:6379/0", namespace=namespace, clock=clock)
    assert await store.count(b"a", [NARROW]) is None
    (key,) = redis_client.scan_iter(f"{namespace}:*")
    redis_client.set(key, "something else")
    with pytest.raises(AttemptsUnavailable):
        await store.count(b"b", [NARROW])
    await store.close()


async def test_memory_is_bounded(clock):
    store = MemoryAttempts(clock, most_names=10)
    for number in range(50):
        assert await store.count(b"x", [Limit(str(number).encode(), 1, 60.0)]) is None
        assert len(store) <= 10
    assert await store.count(b"y", [Limit(b"49", 1, 60.0)]) is not None


async def test_memory_forgets_what_counts_no_more(clock):
    store = MemoryAttempts(clock)
    for number in range(50):
        await store.count(b"x", [Limit(str(number).encode(), 1, 60.0)])
    clock.advance(60)
    await store.count(b"x", [NARROW])
    assert len(store) == 1


async def test_without_redis_each_process_counts_for_itself_until_it_is_back(own_redis, clock, caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    limiters = [
        Limiter(
            MemoryAttempts(clock),
            RedisAttempts(own_redis.url, namespace="limits", clock=clock),
            logger=logging.getLogger("sentri"),
            monotonic=lambda: now[0],
        )
        for _ in range(2)
    ]

    async def counted() -> int:
        found = [await limiter.attempt([NARROW]) for limiter in limiters for _ in range(5)]
        return sum(isinstance(one, Attempt) for one in found)

    assert await counted() == 2
    own_redis.stop()
    now[0] += 1
    assert await counted() == 4
    assert caplog.text.count("count per process") == 2
    own_redis.start()
    assert await counted() == 0  # the pause is not over
    now[0] += 1
    assert await counted() == 2
    assert caplog.text.count("together again") == 2
    for limiter in limiters:
        await limiter.close()


async def test_a_redis_that_says_nothing_more_holds_up_one_attempt_and_no_more(own_redis, clock, caplog):
    limiter = Limiter(
        MemoryAttempts(clock),
        RedisAttempts(own_redis.url, namespace="limits", clock=clock),
        logger=logging.getLogger("sentri"),
    )
    first = await limiter.attempt([WIDE])
    own_redis.freeze()
    async with asyncio.timeout(4):
        assert isinstance(await limiter.attempt([WIDE]), Attempt)
    async with asyncio.timeout(0.5):
        assert isinstance(await limiter.attempt([WIDE]), Attempt)
    async with asyncio.timeout(0.5):
        await first.give_back()  # which nobody hears, and the log says so
    assert "not given back" in caplog.text
    own_redis.thaw()
    await limiter.close()


async def test_of_an_outage_that_lasts_one_attempt_finds_out_and_nobody_else_waits(clock):
    class Away:
        """A store that is away until `back` is set."""

        back = asyncio.Event()
        asked = 0

        async def count(self, attempt, limits):
            self.asked += 1
            if self.asked > 1:
                await self.back.wait()
            else:
                raise AttemptsUnavailable("gone")

    away, now, roomy = Away(), [0.0], Limit(b"roomy", 100, 60.0)
    limiter = Limiter(MemoryAttempts(clock), away, logger=logging.getLogger("sentri"), monotonic=lambda: now[0])
    await limiter.attempt([roomy])
    now[0] += 1
    looking = asyncio.create_task(limiter.attempt([roomy]))
    await asyncio.sleep(0)
    for _ in range(5):
        assert isinstance(await limiter.attempt([roomy]), Attempt)
    assert away.asked == 2
    away.back.set()
    await looking
    await asyncio.gather(*(limiter.attempt([roomy]) for _ in range(5)))
    assert away.asked == 7
