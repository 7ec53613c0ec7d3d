"""`Coalescer`: look-ups that wait at the same time travel together, and disturb nobody."""

import asyncio
import contextvars

import pytest

from sentri.coalescing import Coalescer

REQUEST = contextvars.ContextVar("request", default="none")


class Own(Exception):
    """A look-up's own failure."""


class Source:
    """Doubles numbers; may be held, and may fail."""

    def __init__(self) -> None:
        self.batches = []
        self.contexts = set()
        self.open = asyncio.Event()
        self.open.set()
        self.down = False
        self.in_flight = self.most = 0

    async def fetch(self, keys):
        self.batches.append(keys)
        self.contexts.add(REQUEST.get())
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await self.open.wait()
            await asyncio.sleep(0)
            if self.down:
                raise OSError("down")
            return {key: key * 2 for key in keys if key >= 0}
        finally:
            self.in_flight -= 1

    def coalescer(self, **options) -> Coalescer[int, int]:
        return Coalescer(self.fetch, failure=lambda error: Own(repr(error)), **options)


@pytest.fixture
def source():
    return Source()


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_answers_each_look_up_with_its_own_value(source):
    coalescer = source.coalescer(lanes=2, largest=10)
    found = await asyncio.gather(*(coalescer.get(number % 50) for number in range(200)))
    assert found == [(number % 50) * 2 for number in range(200)]
    assert source.most == 2
    assert max(map(len, source.batches)) == 10


async def test_a_key_without_a_value_is_none(source):
    assert await asyncio.gather(*map(source.coalescer().get, [-1, 1])) == [None, 2]


async def test_look_ups_of_one_turn_share_one_query(source):
    await asyncio.gather(*map(source.coalescer().get, [1, 2, 1, 3]))
    assert source.batches == [(1, 2, 3)]


async def test_a_single_look_up_goes_alone(source):
    coalescer = source.coalescer()
    assert [await coalescer.get(1), await coalescer.get(2)] == [2, 4]
    assert source.batches == [(1,), (2,)]


async def test_the_oldest_go_first(source):
    source.open.clear()
    coalescer = source.coalescer(lanes=1, largest=2)
    tasks = [asyncio.create_task(coalescer.get(0))]
    await turns()
    tasks += [asyncio.create_task(coalescer.get(number)) for number in (5, 4, 3, 2, 1)]
    await turns()
    source.open.set()
    await asyncio.gather(*tasks)
    assert source.batches == [(0,), (5, 4), (3, 2), (1,)]


async def test_no_answer_is_older_than_its_look_up():
    """A look-up never joins a query that was sent before it began."""
    world = 0

    async def fetch(keys):
        seen = world
        await asyncio.sleep(0.003)
        return dict.fromkeys(keys, seen)

    coalescer = Coalescer(fetch, failure=Own, lanes=1)

    async def one(number):
        nonlocal world
        await asyncio.sleep(number * 0.001)
        world += 1
        mine = world
        assert await coalescer.get("key") >= mine

    await asyncio.gather(*(one(number) for number in range(30)))


async def test_a_cancelled_look_up_leaves_the_others_alone(source):
    source.open.clear()
    coalescer = source.coalescer(lanes=1)
    tasks = [asyncio.create_task(coalescer.get(number % 4)) for number in range(12)]
    await turns()
    for number in (0, 5, 6):
        tasks[number].cancel()
    await turns()
    source.open.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    for number, answer in enumerate(found):
        if number in (0, 5, 6):
            assert isinstance(answer, asyncio.CancelledError)
        else:
            assert answer == number % 4 * 2


async def test_nothing_is_asked_for_those_who_left_before_it_was_sent(source):
    source.open.clear()
    coalescer = source.coalescer(lanes=1)
    first = asyncio.create_task(coalescer.get(0))
    await turns()
    gone = [asyncio.create_task(coalescer.get(number)) for number in (1, 2)]
    await turns()
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    source.open.set()
    await first
    await turns()
    assert source.batches == [(0,)]
    assert await coalescer.get(3) == 6


async def test_a_failed_batch_fails_its_own_look_ups_each_with_its_own_exception(source):
    coalescer = source.coalescer(lanes=1)
    source.down = True
    failures = await asyncio.gather(*map(coalescer.get, [1, 1, 2]), return_exceptions=True)
    assert [type(failure) for failure in failures] == [Own] * 3
    assert len(set(map(id, failures))) == 3
    source.down = False
    assert await coalescer.get(4) == 8


async def test_a_batch_that_takes_too_long_fails_and_frees_its_lane(source):
    source.open.clear()
    coalescer = source.coalescer(lanes=1, timeout=0.02)
    with pytest.raises(Own, match="TimeoutError"):
        await coalescer.get(1)
    source.open.set()
    assert await coalescer.get(2) == 4


async def test_a_cancelled_batch_leaves_nobody_waiting(source):
    """A loop that ends cancels its tasks."""
    source.open.clear()
    coalescer = source.coalescer(lanes=1)
    waiting = [asyncio.create_task(coalescer.get(number)) for number in range(3)]
    await turns()
    (batch,) = asyncio.all_tasks() - {asyncio.current_task(), *waiting}
    batch.cancel()
    failures = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(failure) for failure in failures] == [Own] * 3
    source.open.set()
    assert await coalescer.get(5) == 10


async def test_a_batch_runs_in_the_context_of_no_request(source):
    coalescer = source.coalescer()

    async def request(number):
        REQUEST.set(f"request {number}")
        return await coalescer.get(number)

    await asyncio.gather(*(asyncio.create_task(request(number)) for number in range(5)))
    assert source.contexts == {"none"}


def test_serves_one_loop_after_another():
    async def use(coalescer):
        assert await asyncio.gather(*map(coalescer.get, range(5))) == [0, 2, 4, 6, 8]

    async def double(keys):
        return {key: key * 2 for key in keys}

    coalescer = Coalescer(double, failure=Own)
    for _ in range(3):
        asyncio.run(use(coalescer))


@pytest.mark.parametrize("ticks", range(12))
async def test_cancellation_at_any_moment_leaves_no_lane_taken(source, ticks):
    coalescer = source.coalescer(lanes=2, largest=3)
    tasks = [asyncio.create_task(coalescer.get(number)) for number in range(10)]
    await turns(ticks)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    source.open.clear()
    held = [asyncio.create_task(coalescer.get(number)) for number in (20, 21)]
    await turns()
    later = asyncio.create_task(coalescer.get(22))
    await turns()
    source.open.set()
    assert await asyncio.gather(*held, later) == [40, 42, 44]
