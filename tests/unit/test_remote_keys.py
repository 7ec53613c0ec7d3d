"""The remote key set, rule by rule: when it asks, when it waits, what it answers. Time moves only when it is moved."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import logging
import time
from dataclasses import dataclass, field

import pytest

from sentri import SentriError
from sentri.digests import Digests
from sentri.hooks import HookRunner
from sentri.keys.algorithms import ALGORITHMS
from sentri.keys.remote import Answer, FetchFailed, KeysStatus, RemoteKeys
from sentri.telling import Events
from tests.unit.test_published_keys import ASYMMETRIC, EC, published

TTL, STALE, TIMEOUT = 3600.0, 86400.0, 5.0
LOGGER = logging.getLogger("sentri")
AHEAD = 0.80 * TTL  # with a jitter of one half; so is a backoff of 0.75, 1.5, 3, …
DAY = 1_900_000_000.0  # the time of day when the timer is at 0


class Timer:
    """The timer, and the event loop's own time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Asked:
    """One fetch: what it asked with, and how it will be answered."""

    etag: str | None
    answer: asyncio.Future[Answer]
    stubborn: bool = False

    @property
    def under_way(self) -> bool:
        return not self.answer.done()


@dataclass
class Server:
    """The other side: every fetch waits until the test answers it."""

    asked: list[Asked] = field(default_factory=list)
    stubborn: bool = False

    async def fetch(self, etag: str | None) -> Answer:
        asked = Asked(etag, asyncio.get_running_loop().create_future(), self.stubborn)
        self.asked.append(asked)
        while True:
            try:
                return await asyncio.shield(asked.answer) if asked.stubborn else await asked.answer
            except asyncio.CancelledError:
                if not asked.stubborn or asked.answer.cancelled():
                    raise


async def settle() -> None:
    """Let everything run that can run without time going by."""
    for _ in range(12):
        await asyncio.sleep(0)


def key_set(*kids: str, **members) -> bytes:
    return json.dumps({"keys": [published(kid=kid, **members) for kid in kids]}).encode()


class World:
    """A remote key set, its server and its time."""

    def __init__(self, timer: Timer, **options) -> None:
        self.timer = timer
        self.server = Server()
        given = {
            "algorithms": ASYMMETRIC,
            "cache_ttl": TTL,
            "max_stale": STALE,
            "timeout": TIMEOUT,
            "tell": Events(HookRunner({}, timeout=1, logger=LOGGER), Digests([b"x"]), time.time, LOGGER).tell_soon,
            "logger": LOGGER,
            "name": "https://auth.example",
            "clock": lambda: DAY + timer.now,
            "timer": timer,
            "jitter": lambda: 0.5,
        }
        self.keys = RemoteKeys(self.server.fetch, **(given | options))

    @property
    def fetches(self) -> int:
        return len(self.server.asked)

    async def to(self, now: float) -> None:
        self.timer.now = now
        await settle()

    async def asking(self, kid: str) -> asyncio.Task:
        """A `find` that has gone as far as it can."""
        task = asyncio.ensure_future(self.keys.find(kid))
        await settle()
        return task

    async def find(self, kid: str) -> str | None:
        """The outcome of a `find` that waits for nothing: the kid, None, or the code of the error."""
        return outcome(await self.asking(kid))

    async def answer(self, *kids: str, etag: str | None = None, max_age: float | None = None, body=None) -> None:
        self.server.asked[-1].answer.set_result(Answer(body or key_set(*kids), etag, max_age))
        await settle()

    async def not_modified(self, etag: str | None = None, max_age: float | None = None) -> None:
        self.server.asked[-1].answer.set_result(Answer(None, etag, max_age))
        await settle()

    async def fail(self, error: BaseException | None = None) -> None:
        self.server.asked[-1].answer.set_exception(error or FetchFailed("HTTP 500"))
        await settle()

    async def fetched(self, *kids: str, **more) -> None:
        """The first fetch, answered with these keys."""
        asking = await self.asking(kids[0])
        await self.answer(*kids, **more)
        assert outcome(asking) == kids[0]


def outcome(task: asyncio.Task) -> str | None:
    assert task.done(), "it waits"
    error = task.exception()
    if error is None:
        return None if task.result() is None else task.result().kid
    assert isinstance(error, SentriError), error
    return error.code


def retry_after(task: asyncio.Task) -> int:
    assert outcome(task) == "KEYS_UNAVAILABLE"
    assert task.exception().status_code == 503
    return int(task.exception().headers["Retry-After"])


@pytest.fixture
async def timer(monkeypatch):
    made = Timer()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", made)
    return made


@pytest.fixture
def world(timer):
    return World(timer)


# --- rules 1 and 2: from memory, or one fetch for all


async def test_a_known_kid_with_fresh_keys_is_answered_from_memory(world):
    await world.fetched("a", "b")
    for now in (0.0, 1.0, AHEAD - 1):
        await world.to(now)
        with pytest.raises(StopIteration) as found:  # without giving way to the event loop once
            world.keys.find("b").send(None)
        assert found.value.value.kid == "b"
    assert world.fetches == 1


async def test_one_fetch_serves_every_caller(world):
    asking = [await world.asking(kid) for kid in "abab"]
    assert world.fetches == 1
    await world.answer("a", "b")
    assert [outcome(task) for task in asking] == ["a", "b", "a", "b"]
    assert world.fetches == 1


async def test_a_cancelled_caller_leaves_the_fetch_alone(world):
    first, second = await world.asking("a"), await world.asking("a")
    first.cancel()
    await settle()
    await world.answer("a")
    assert first.cancelled()
    assert outcome(second) == "a"
    assert world.fetches == 1


async def test_the_fetch_goes_on_when_its_only_caller_is_cancelled(world):
    (await world.asking("a")).cancel()
    await settle()
    await world.answer("a")
    assert await world.find("a") == "a"
    assert world.fetches == 1


async def test_a_fetch_runs_in_the_context_of_no_request(timer):
    seen, request = [], contextvars.ContextVar("request", default=None)

    async def fetch(_etag):
        seen.append(request.get())
        return Answer(key_set("a"), None, None)

    world = World(timer)
    world.keys._fetch = fetch  # noqa: SLF001 - World's own waits
    request.set("a caller's")
    await world.keys.find("a")
    assert seen == [None]


async def test_a_fetch_has_five_seconds(world):
    asking = await world.asking("a")
    await world.to(TIMEOUT - 0.01)
    assert not asking.done()
    await world.to(TIMEOUT)
    assert retry_after(asking) == 1
    assert world.keys.status().last_error == "no answer within 5 s"
    assert not world.server.asked[0].under_way


@pytest.mark.parametrize("late", [Answer(key_set("old"), None, None), FetchFailed("late"), RuntimeError("late")])
def test_a_fetch_of_an_event_loop_that_is_gone_is_forgotten(late):
    world = World(Timer())
    with asyncio.Runner() as gone, asyncio.Runner() as other:
        waiting = gone.run(world.asking("a"))
        asking = other.run(world.asking("a"))
        assert world.fetches == 2
        other.run(world.answer("a"))
        assert outcome(asking) == "a"
        asked = world.server.asked[0].answer
        asked.set_result(late) if isinstance(late, Answer) else asked.set_exception(late)
        gone.run(settle())  # it comes back, and is not listened to: rule 9
        assert outcome(waiting) == "a"
    assert world.keys.status() == KeysStatus("fresh", DAY, None, ("a",))


# --- rules 3 to 5: freshness


@pytest.mark.parametrize(
    ("max_age", "fresh"), [(None, TTL), (300, 300), (7200, TTL), (0, 1), (-5, 1), (0.5, 1), (float("inf"), TTL)]
)
async def test_keys_are_fresh_as_long_as_both_sides_say(world, max_age, fresh):
    await world.fetched("a", max_age=max_age)
    await world.to(fresh - 0.001)
    assert world.keys.status().state == "fresh"
    await world.to(fresh)
    assert world.keys.status().state == "stale"


async def test_freshness_counts_from_the_beginning_of_the_fetch(world):
    await world.asking("a")
    await world.to(4)
    await world.answer("a", max_age=300)
    await world.to(299.9)
    assert world.keys.status().state == "fresh"
    await world.to(300)
    assert world.keys.status().state == "stale"


@pytest.mark.parametrize("seconds", [0, 0.6, 4])
async def test_nobody_waits_under_traffic_for_a_server_that_forbids_caching(world, seconds):
    """However long it takes to answer: its keys count for a second, and the next fetch begins before that is over."""
    await world.asking("a")
    await world.to(seconds)
    await world.answer("a", max_age=0)
    answered = world.timer.now
    for _ in range(5):
        before = world.fetches
        await world.to(answered + 0.79)
        assert await world.find("a") == "a"
        assert world.fetches == before
        await world.to(answered + 0.8)
        assert await world.find("a") == "a"
        assert world.fetches == before + 1
        await world.to(world.timer.now + seconds)
        assert await world.find("a") == "a"
        await world.answer("a", max_age=0)
        answered = world.timer.now


async def test_an_answer_that_came_late_is_fresh_for_a_second(timer):
    world = World(timer, max_stale=0)
    asking = [await world.asking("a"), await world.asking("a")]
    await world.to(4)
    await world.answer("a", max_age=1)
    assert [outcome(task) for task in asking] == ["a", "a"]
    await world.to(4.99)
    assert world.keys.status().state == "fresh"
    await world.to(5)
    assert world.keys.status().state == "unavailable"


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.75), (1.0, 0.85)])
async def test_keys_are_refreshed_ahead_and_nobody_waits(timer, jitter, share):
    world = World(timer, jitter=lambda: jitter)
    await world.fetched("a")
    await world.to(TTL * share - 0.01)
    assert await world.find("a") == "a"
    assert world.fetches == 1
    await world.to(TTL * share)
    assert await world.find("a") == "a"
    assert await world.find("a") == "a"
    assert world.fetches == 2
    await world.answer("a", "b")
    assert await world.find("b") == "b"
    await world.to(TTL + 1)
    assert world.keys.status().state == "fresh"


async def test_the_old_keys_are_used_while_a_refresh_that_began_in_time_is_under_way(world):
    await world.fetched("a")
    await world.to(TTL - 1)
    assert await world.find("a") == "a"
    await world.to(TTL + 1)
    assert world.server.asked[-1].under_way
    assert await world.find("a") == "a"
    await world.answer("b")
    assert await world.find("b") == "b"


async def test_after_idle_time_everybody_waits_for_the_fetch_and_a_retired_key_is_gone(world):
    await world.fetched("a", "leaked")
    await world.to(TTL)
    asking = [await world.asking(kid) for kid in ("leaked", "a", "leaked")]
    assert not any(task.done() for task in asking)
    await world.answer("a")
    assert await world.find("a") == "a"
    assert outcome(asking[1]) == "a"
    await world.answer("a")  # a caller that joined asks once more, as for any unknown kid
    assert [outcome(task) for task in asking] == [None, "a", None]


async def test_after_idle_time_the_old_keys_serve_on_when_the_fetch_fails(world):
    await world.fetched("a")
    await world.to(TTL)
    asking = await world.asking("a")
    await world.fail()
    assert outcome(asking) == "a"
    assert world.keys.status() == KeysStatus("stale", DAY, "HTTP 500", ("a",))


async def test_after_idle_time_old_keys_that_grow_too_old_during_the_wait_are_not_used(timer):
    world = World(timer, max_stale=2)
    await world.fetched("a")
    await world.to(TTL + 1)
    asking = await world.asking("a")
    await world.to(TTL + 1 + TIMEOUT)
    assert outcome(asking) == "KEYS_UNAVAILABLE"


# --- rules 6 and 7: failures


async def test_old_keys_serve_while_the_server_is_down_and_nobody_waits(world):
    await world.fetched("a")
    await world.to(AHEAD)
    await world.find("a")
    await world.fail()
    for now in (AHEAD + 0.75, AHEAD + 10, TTL - 20, TTL + 1, TTL + 50, TTL + 110, TTL + 200):
        await world.to(now)
        assert await world.find("a") == "a"
        assert world.server.asked[-1].under_way
        await world.fail()
    assert world.fetches == 9


async def test_an_outage_is_not_believed_for_ever(world):
    await world.fetched("a")
    await world.to(AHEAD)
    await world.find("a")
    await world.fail()
    await world.to(AHEAD + 119.9)  # still fresh
    assert await world.find("a") == "a"
    await world.fail()
    await world.to(TTL + 119.9)
    asking = await world.asking("a")
    assert not asking.done()
    await world.fail()
    assert outcome(asking) == "a"
    await world.to(TTL + 119.9 + 119.9)
    assert await world.find("a") == "a"
    await world.fail()
    await world.to(TTL + 119.9 + 119.9 + 120)
    asking = await world.asking("a")
    await world.answer("b")
    assert outcome(asking) is None


async def test_an_outage_is_over_with_the_first_success(world):
    await world.asking("a")
    await world.fail()
    await world.to(1)
    await world.asking("a")
    await world.answer("a", max_age=10)
    await world.to(15)
    asking = await world.asking("a")
    assert not asking.done()
    await world.answer("b")
    assert outcome(asking) is None


async def test_keys_are_used_until_max_stale_and_no_longer(world):
    await world.fetched("a")
    await world.to(TTL + STALE - 60)
    asking = await world.asking("a")
    await world.fail()
    assert outcome(asking) == "a"
    await world.to(TTL + STALE - 0.01)
    assert await world.find("a") == "a"
    await world.fail()
    await world.to(TTL + STALE)
    assert await world.find("a") == "KEYS_UNAVAILABLE"
    assert world.keys.status() == KeysStatus("unavailable", DAY, "HTTP 500", ())
    await world.to(TTL + STALE + 2)
    asking = await world.asking("a")
    assert not asking.done()
    await world.answer("a")
    assert outcome(asking) == "a"


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
async def test_the_waits_between_failures_double_up_to_a_minute(timer, jitter, share):
    world = World(timer, jitter=lambda: jitter)
    for number, whole in enumerate([1, 2, 4, 8, 16, 32, 60, 60, 60], start=1):
        asking = await world.asking("a")
        assert world.fetches == number
        await world.fail()
        assert retry_after(asking) == -(-whole * share // 1)
        failed_at = timer.now
        await world.to(failed_at + whole * share - 0.01)
        assert await world.find("a") == "KEYS_UNAVAILABLE"
        assert world.fetches == number
        await world.to(failed_at + whole * share)


async def test_a_thousand_failures_are_counted_without_harm(timer):
    world = World(timer, jitter=lambda: 1.0)
    for _ in range(1100):
        timer.now += 60
        asking = await world.asking("a")
        await world.fail()
        assert outcome(asking) == "KEYS_UNAVAILABLE"
    assert retry_after(asking) == 60


async def test_retry_after_counts_down(timer):
    world = World(timer, jitter=lambda: 1.0)
    for now in (0, 1, 3, 7):
        await world.to(now)
        asking = await world.asking("a")
        await world.fail()
    assert retry_after(asking) == 8
    await world.to(10.5)
    assert retry_after(await world.asking("a")) == 5


async def test_a_success_resets_the_wait(world):
    for now in (0, 1, 3, 7):
        await world.to(now)
        await world.asking("a")
        await world.fail()
    await world.to(20)
    await world.asking("a")
    await world.answer("a", max_age=0)
    assert world.keys.status().last_error is None
    await world.to(21)
    await world.asking("a")
    await world.fail()
    assert world.fetches == 6
    await world.to(21.75)
    await world.find("a")
    assert world.fetches == 7


async def test_without_keys_everybody_waits_for_the_due_fetch(world):
    await world.asking("a")
    await world.fail()
    await world.to(0.75)
    asking = [await world.asking("a"), await world.asking("b")]
    assert world.fetches == 2
    await world.answer("a", "b")
    assert [outcome(task) for task in asking] == ["a", "b"]


# --- rule 8: unknown kids


async def test_an_unknown_kid_fetches_again(world):
    await world.fetched("a")
    asking = await world.asking("b")
    assert not asking.done()
    await world.answer("a", "b")
    assert outcome(asking) == "b"
    assert world.fetches == 2


async def test_unknown_kids_fetch_once_in_thirty_seconds_however_many_ask(world):
    await world.fetched("a")
    asking = [await world.asking(f"invented {number}") for number in range(50)]
    await world.answer("a")
    assert [outcome(task) for task in asking] == [None] * 50
    for now in (1, 15, 29.9):
        await world.to(now)
        assert await world.find("invented") is None
        assert await world.find("a") == "a"
    assert world.fetches == 2
    await world.to(30)
    asking = await world.asking("new")
    await world.answer("new")
    assert outcome(asking) == "new"
    assert world.fetches == 3


async def test_a_first_fetch_decides_for_the_one_who_began_it_and_counts_for_nobody_else(world):
    asking = await world.asking("b")
    await world.answer("a")
    assert outcome(asking) is None
    assert world.fetches == 1
    asking = await world.asking("b")
    assert world.fetches == 2
    await world.answer("a", "b")
    assert outcome(asking) == "b"


async def test_who_joins_a_fetch_asks_once_more_if_the_kid_stays_unknown(world):
    """The server may have answered the one under way before the key was there."""
    first, joined, third = [await world.asking(kid) for kid in ("a", "b", "c")]
    await world.answer("a")
    assert outcome(first) == "a"
    assert world.fetches == 2
    assert not joined.done()
    await world.answer("a", "b")
    assert (outcome(joined), outcome(third)) == ("b", None)
    assert world.fetches == 2


async def test_an_unknown_kid_joins_a_refresh(world):
    await world.fetched("a")
    await world.to(AHEAD)
    await world.find("a")
    asking = await world.asking("b")
    assert world.fetches == 2
    await world.answer("a", "b")
    assert outcome(asking) == "b"
    assert world.fetches == 2


async def test_a_refresh_that_an_unknown_kid_begins_is_no_fetch_for_a_kid(world):
    await world.fetched("a")
    await world.to(AHEAD)
    asking = await world.asking("b")
    await world.answer("a")
    assert outcome(asking) is None
    await world.asking("b")
    assert world.fetches == 3


async def test_an_unknown_kid_whose_fetch_fails_is_unavailable_and_known_kids_go_on(world):
    await world.fetched("a")
    asking = await world.asking("b")
    await world.fail()
    assert retry_after(asking) == 1
    assert await world.find("b") == "KEYS_UNAVAILABLE"
    assert await world.find("a") == "a"
    assert world.fetches == 2
    await world.to(0.75)
    asking = await world.asking("b")
    assert world.fetches == 3
    await world.answer("a")
    assert outcome(asking) is None


async def test_a_known_kid_retries_in_the_background_what_failed_for_an_unknown_one(world):
    await world.fetched("a")
    await world.asking("b")
    await world.fail()
    await world.to(0.75)
    assert await world.find("a") == "a"
    assert world.fetches == 3


async def test_an_unknown_kid_with_stale_keys_and_no_server_is_unavailable(world):
    await world.fetched("a")
    await world.to(TTL + 5)
    asking = await world.asking("b")
    await world.fail()
    assert outcome(asking) == "KEYS_UNAVAILABLE"


async def test_a_retired_kid_is_unknown_as_soon_as_the_new_set_is_there(world):
    await world.fetched("a")
    asking = await world.asking("b")
    await world.answer("b")
    assert outcome(asking) == "b"
    assert await world.find("a") is None


# --- rules 9 to 12: what an answer changes


async def test_an_answer_after_the_time_out_is_ignored(world):
    world.server.stubborn = True
    asking = await world.asking("a")
    await world.to(TIMEOUT)
    assert outcome(asking) == "KEYS_UNAVAILABLE"
    await world.to(TIMEOUT + 1)
    asking = await world.asking("b")
    await world.answer("b")
    assert outcome(asking) == "b"
    world.server.asked[0].answer.set_result(Answer(key_set("a"), '"old"', None))
    await settle()
    assert world.keys.status().key_ids == ("b",)


async def test_an_answer_after_the_time_out_is_ignored_though_nothing_came_since(world):
    world.server.stubborn = True
    await world.asking("a")
    await world.to(TIMEOUT)
    world.server.asked.pop().answer.set_exception(RuntimeError("late"))
    await settle()
    assert world.keys.status() == KeysStatus("unavailable", None, "no answer within 5 s", ())


async def test_a_failure_after_the_time_out_is_nothing_that_asyncio_reports(world):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    world.server.stubborn = True
    (await world.asking("a")).cancel()
    await world.to(TIMEOUT)
    world.server.asked.pop().answer.set_exception(RuntimeError("late"))
    await settle()
    gc.collect()
    assert not reported


async def test_not_modified_renews_the_keys(world):
    await world.fetched("a", etag='"1"', max_age=100)
    assert world.server.asked[0].etag is None
    before = await world.keys.find("a")
    await world.to(80)
    await world.find("a")
    assert world.server.asked[1].etag == '"1"'
    await world.not_modified(max_age=300)
    await world.to(379)
    assert world.keys.status().state == "fresh"
    assert await world.keys.find("a") is before
    await world.to(380)
    assert world.keys.status() == KeysStatus("stale", DAY + 80, None, ("a",))


@pytest.mark.parametrize(("sent", "kept"), [(None, '"1"'), ('"2"', '"2"')])
async def test_not_modified_may_bring_a_new_etag(world, sent, kept):
    await world.fetched("a", etag='"1"')
    await world.asking("b")
    await world.not_modified(sent)
    await world.to(30)
    await world.asking("b")
    assert world.server.asked[2].etag == kept


async def test_an_etag_goes_with_the_keys_that_had_it(world):
    await world.fetched("a", etag='"1"')
    await world.asking("b")
    await world.answer("b")
    await world.to(30)
    await world.asking("c")
    assert [asked.etag for asked in world.server.asked] == [None, '"1"', None]


@pytest.mark.parametrize("failure", [b'{"keys": []}', None])
async def test_after_a_failure_the_whole_set_is_asked_for(world, failure):
    """Something on the way may be unable to answer conditional requests: it must not keep the keys away for good."""
    await world.fetched("a", etag='"1"')
    await world.asking("b")
    await (world.fail() if failure is None else world.answer(body=failure, etag='"2"'))
    await world.to(30)
    await world.asking("c")
    assert [asked.etag for asked in world.server.asked] == [None, '"1"', None]


async def test_not_modified_without_a_lifetime_is_fresh_as_long_as_the_keys_own_answer_said(world):
    await world.fetched("a", etag='"1"', max_age=100)
    await world.to(80)
    await world.find("a")
    await world.not_modified()
    await world.to(179)
    assert world.keys.status().state == "fresh"
    await world.to(180)
    assert world.keys.status().state == "stale"


async def test_an_unknown_kid_of_a_dead_token_is_no_reason_to_ask(world):
    await world.fetched("a")
    assert await world.keys.find("b", ask=False) is None
    assert world.fetches == 1
    asking = await world.asking("b")
    await world.answer("a", "b")
    assert outcome(asking) == "b", "and it did not use up what the 30 seconds allow"


async def test_tending_fetches_what_is_due_and_says_when_it_is_next(world):
    tending = asyncio.ensure_future(world.keys.tend())
    await settle()
    await world.answer("a", max_age=100)
    assert await tending == pytest.approx(80)
    await world.to(50)
    assert await world.keys.tend() == pytest.approx(30)
    assert world.fetches == 1
    await world.to(80)
    tending = asyncio.ensure_future(world.keys.tend())
    await settle()
    await world.fail()
    assert await tending == pytest.approx(0.75)
    assert world.keys.status().state == "fresh"


async def test_not_modified_without_keys_is_a_failure(world):
    asking = await world.asking("a")
    await world.not_modified('"1"')
    assert outcome(asking) == "KEYS_UNAVAILABLE"
    await world.to(1)
    await world.asking("a")
    assert world.server.asked[1].etag is None


async def test_not_modified_is_a_failure_where_no_etag_was_sent(world):
    await world.fetched("a")
    asking = await world.asking("b")
    await world.not_modified()
    assert outcome(asking) == "KEYS_UNAVAILABLE"
    assert "304" in world.keys.status().last_error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FetchFailed("HTTP 500"), "HTTP 500"),
        (RuntimeError("secret"), "RuntimeError"),
        (TimeoutError("secret"), "TimeoutError"),
        (RecursionError("secret"), "RecursionError"),
        (asyncio.CancelledError(), "the fetch was cancelled"),
    ],
)
async def test_whatever_the_fetch_raises_is_a_failure_and_the_keys_stay(world, error, said, caplog):
    await world.fetched("a")
    asking = await world.asking("b")
    await world.fail(error)
    assert outcome(asking) == "KEYS_UNAVAILABLE"
    assert world.keys.status() == KeysStatus("fresh", DAY, said, ("a",))
    assert await world.find("a") == "a"
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"<html>secret", "not JSON"), (b"[]", "no JSON object"), (key_set("secret", use="enc"), "no key"), (7, "Type")],
)
async def test_a_set_without_a_usable_key_is_a_failure_and_the_keys_stay(world, body, said):
    await world.fetched("a")
    asking = await world.asking("b")
    await world.answer(body=body)
    assert outcome(asking) == "KEYS_UNAVAILABLE"
    assert said in world.keys.status().last_error
    assert "secret" not in world.keys.status().last_error
    assert await world.find("a") == "a"


async def test_a_fetch_that_cannot_even_begin_is_a_failure(timer):
    def fetch(_etag):
        raise RuntimeError

    world = World(timer)
    world.keys._fetch = fetch  # noqa: SLF001 - World's own is a good one
    assert await world.find("a") == "KEYS_UNAVAILABLE"
    assert world.keys.status().last_error == "RuntimeError"


async def test_a_key_that_did_not_change_stays_the_same_object(world):
    await world.fetched("a", "b")
    before = await world.keys.find("a")
    await world.asking("c")
    await world.answer("a", "c")
    assert await world.keys.find("a") is before
    assert world.keys.status().key_ids == ("a", "c")


async def test_only_the_allowed_algorithms_count(timer):
    world = World(timer, algorithms=[ALGORITHMS["ES256"]])
    asking = await world.asking("b")
    await world.answer(body=json.dumps({"keys": [published(kid="a"), published(EC, "b")]}).encode())
    assert outcome(asking) == "b"
    assert world.keys.status().key_ids == ("b",)


# --- rule 13: the log


async def test_an_outage_is_two_events(world, caplog):
    caplog.set_level(logging.DEBUG, "sentri")
    await world.fetched("a", max_age=10)
    for now in (10, 20, 30, 40):
        await world.to(now)
        await world.asking("a")
        await world.fail()
    await world.to(60)
    await world.asking("a")
    await world.answer("a")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", 'keys.unreachable key_uri=https://auth.example error="HTTP 500"'),
        ("INFO", "keys.reachable key_uri=https://auth.example"),
    ]


async def test_other_keys_are_an_event_and_the_same_are_none(world, caplog):
    caplog.set_level(logging.DEBUG, "sentri")
    await world.fetched("a", "b", max_age=10)
    for now, kids in ((20, ("b", "a")), (40, ("b", "c" * 100)), (60, tuple(f"k{number}" for number in range(20)))):
        await world.to(now)
        await world.asking("b")
        await world.answer(*kids, max_age=10)
    changed = [record.sentri["details"] for record in caplog.records if record.getMessage().startswith("keys.changed")]
    assert [(event["added"], event["removed"]) for event in changed] == [
        (["c" * 64], ["a"]),
        ([f"k{number}" for number in range(16)], ["b", "c" * 64]),
    ]


async def test_keys_left_out_are_logged_once_a_set(world, caplog):
    caplog.set_level(logging.DEBUG, "sentri")
    odd = json.dumps({"keys": [published(kid="a"), published(EC, "x\n", use="enc")]}).encode()
    other = json.dumps({"keys": [published(kid="a"), published(EC, "y" * 300)] + [{"kid": "z" * 99}] * 90}).encode()
    await world.asking("a")
    await world.answer(body=odd)
    for now, body in ((30, odd), (60, None), (90, other)):
        await world.to(now)
        await world.asking("?")
        await (world.fail() if body is None else world.answer(body=body))
    await world.to(120)
    await world.asking("?")
    await world.answer(body=odd)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Left out")]
    assert lines[0] == lines[2] == "Left out of the keys of https://auth.example: 'x\\n': is not for verifying"
    assert len(lines) == 3
    assert len(lines[1]) < 1100


async def test_an_unusable_set_says_why_in_the_log(world, caplog):
    caplog.set_level(logging.DEBUG, "sentri")
    await world.asking("a")
    await world.answer(body=key_set("a", use="enc"))
    assert "'a': is not for verifying" in caplog.text


# --- prefetch, status, close


async def test_prefetch_brings_the_keys(world):
    task = asyncio.ensure_future(world.keys.prefetch())
    await settle()
    await world.answer("a")
    await task
    assert await world.find("a") == "a"
    await world.keys.prefetch()
    assert world.fetches == 1


async def test_prefetch_does_nothing_while_the_keys_are_fresh(world):
    await world.fetched("a")
    await world.to(TTL - 1)
    await world.keys.prefetch()
    assert world.fetches == 1


async def test_prefetch_joins_and_is_joined(world):
    tasks = [asyncio.ensure_future(world.keys.prefetch()), await world.asking("a")]
    tasks.append(asyncio.ensure_future(world.keys.prefetch()))
    await settle()
    assert world.fetches == 1
    await world.answer("a")
    assert all(task.done() and task.exception() is None for task in tasks)


async def test_prefetch_without_keys_is_unavailable(world):
    task = asyncio.ensure_future(world.keys.prefetch())
    await settle()
    await world.fail()
    assert retry_after(task) == 1
    with pytest.raises(SentriError, match="KEYS_UNAVAILABLE"):
        await world.keys.prefetch()
    assert world.fetches == 1


async def test_prefetch_asks_when_the_keys_are_stale_and_is_content_with_them(world):
    await world.fetched("a")
    await world.to(TTL)
    task = asyncio.ensure_future(world.keys.prefetch())
    await settle()
    assert world.fetches == 2
    await world.fail()
    await task
    await world.keys.prefetch()
    assert world.fetches == 2


async def test_prefetch_is_content_with_an_answer_that_came_late(timer):
    world = World(timer, max_stale=0)
    task = asyncio.ensure_future(world.keys.prefetch())
    await settle()
    await world.to(4)
    await world.answer("a", max_age=0)
    await task


async def test_the_status_before_anything_happened(world):
    assert world.keys.status() == KeysStatus("unavailable", None, None, ())
    assert world.fetches == 0


async def test_the_status_of_fresh_keys(world):
    await world.to(100)
    await world.fetched("a", "b")
    assert world.keys.status() == KeysStatus("fresh", DAY + 100, None, ("a", "b"))


async def test_closing_ends_the_fetch_and_nobody_hangs(world):
    asking = await world.asking("a")
    await world.keys.close()
    assert outcome(asking) == "KEYS_UNAVAILABLE"
    assert not world.server.asked[0].under_way
    assert world.keys.status().last_error is None


async def test_closing_leaves_those_who_wait_the_old_keys(world):
    await world.fetched("a")
    await world.to(TTL)
    known, unknown = await world.asking("a"), await world.asking("b")
    await world.keys.close()
    await settle()
    assert (outcome(known), outcome(unknown)) == ("a", "KEYS_UNAVAILABLE")


async def test_closing_without_a_fetch_does_nothing_and_it_can_be_used_again(world):
    await world.keys.close()
    await world.fetched("a")
    await world.keys.close()
    assert await world.find("a") == "a"
