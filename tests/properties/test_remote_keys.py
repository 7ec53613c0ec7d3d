"""The remote key set against a model of its documented rules; and published sets, however they are mangled."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sentri.keys.published import Unusable, read_key_set
from sentri.keys.remote import Answer
from tests.properties.strategies import PURE, json_values
from tests.unit.test_published_keys import ASYMMETRIC, EC, OKP, RSA, published
from tests.unit.test_remote_keys import Timer, World, key_set, outcome, settle

TTL, STALE, TIMEOUT = 400.0, 1000.0, 5.0
UNAVAILABLE = "KEYS_UNAVAILABLE"
WAITS = "it waits"
# Quarters, which add up exactly.
MOMENTS = st.sampled_from(
    [0.25, 0.5, 1.0, 4.75, 5.0, 10.0, 29.75, 30.0, 60.0, 119.75, 120.0, 300.0, 339.0, 340.0, 400.0, 999.0, 1400.0]
)
MAX_AGES = st.sampled_from([None, None, 0.0, 10.0, 100.0, 5000.0])
ANY = st.integers(0, 1_000_000)


@dataclass
class Call:
    """A `find`, or a prefetch, which has no kid; `begun` is how many fetches had begun when it came."""

    kid: str | None
    task: asyncio.Task[Any]
    begun: int = 0
    expected: str | None = WAITS
    cancelled: bool = False


@dataclass
class Flight:
    """The fetch under way; `kids` is what the server published when it began."""

    began: float
    awaited: bool
    kids: tuple[str, ...]


@dataclass
class Ended:
    """A fetch in the history, for what holds whatever the model says; which one it was, counted from 1."""

    number: int
    began: float
    ended: float
    lifetime: float | None  # None: it failed


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.timer = Timer()
        self.runner.get_loop().time = self.timer  # what time-outs go by
        self.published: tuple[str, ...] = ("k0",)
        self.kids = ["k0"]  # all that ever were
        self.calls: list[Call] = []
        self.tends: list[tuple[int, asyncio.Task[float]]] = []
        self.begins: list[float] = []
        self.history: list[Ended] = []
        # The model's own memory of the rules.
        self.flight: Flight | None = None
        self.held: tuple[str, ...] = ()
        self.etag: str | None = None
        self.max_age: float | None = None
        self.fresh_until = self.usable_until = self.due_at = self.failed_at = self.kid_at = -math.inf
        self.failures = self.flights = 0

    @initialize(jitter=st.sampled_from([0.0, 0.5, 1.0]))
    def begin(self, jitter: float) -> None:
        self.jitter = jitter
        self.world = World(
            self.timer, cache_ttl=TTL, max_stale=STALE, timeout=TIMEOUT, jitter=lambda: jitter,
        )  # fmt: skip

    def teardown(self) -> None:
        self.run(self.world.keys.close())
        for asked in self.world.server.asked:
            asked.answer.cancel()
        self.run(self.gather())
        self.runner.close()

    async def gather(self) -> None:
        await asyncio.gather(
            *(call.task for call in self.calls), *(task for _, task in self.tends), return_exceptions=True
        )

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def settle(self) -> None:
        self.run(settle())
        self.begins += [self.timer.now] * (self.world.fetches - len(self.begins))

    # --- the model: what has to come of it

    def turn(self, call: Call) -> None:
        """What becomes of a call that has not been answered, at this moment."""
        now = self.timer.now
        usable = now < self.usable_until
        if call.kid is None and now < self.fresh_until:
            call.expected = "ready"
            return
        known = usable and call.kid in self.held
        if self.flight is None and now >= self.due_at:
            self.takes_off()
        if self.flight is None and call.kid and not known and not self.failures and now >= self.kid_at + 30:
            self.kid_at = now
            self.takes_off()
        if known and not (self.flight and self.flight.awaited):
            call.expected = call.kid
        elif self.flight is None:
            ready = usable if call.kid is None else not self.failures
            call.expected = ("ready" if call.kid is None else None) if ready else UNAVAILABLE

    def takes_off(self) -> None:
        now = self.timer.now
        awaited = now >= self.fresh_until and now >= self.failed_at + 120
        self.flight = Flight(now, awaited, self.published)
        self.flights += 1

    def lands(self, *, good: bool) -> None:
        self.flight = None
        number = self.flights
        for call in [call for call in self.calls if call.expected == WAITS and not call.cancelled]:
            if call.kid is None:
                ready = good or self.timer.now < self.usable_until
                call.expected = "ready" if ready else UNAVAILABLE
            elif call.kid in self.held and (good or self.timer.now < self.usable_until):
                call.expected = call.kid
            elif not good:
                call.expected = UNAVAILABLE
            elif number > call.begun:
                call.expected = None
            else:
                self.turn(call)

    def succeeded(self, kids: tuple[str, ...], etag: str | None, max_age: float | None) -> None:
        began, now = self.flight.began, self.timer.now
        lifetime = min(TTL, TTL if max_age is None else max_age)
        share = 0.75 + 0.10 * self.jitter
        self.history.append(Ended(self.flights, began, now, lifetime))
        self.held, self.etag, self.max_age = kids, etag, max_age
        self.fresh_until = max(began + lifetime, now + 1.0)
        self.usable_until = self.fresh_until + STALE
        self.due_at = max(began + lifetime * share, now + share)
        self.failures, self.failed_at = 0, -math.inf
        self.lands(good=True)
        self.settle()

    def failed(self) -> None:
        now = self.timer.now
        self.history.append(Ended(self.flights, self.flight.began, now, None))
        self.due_at = now + min(60.0, 2.0**self.failures) * (1 + self.jitter) / 2
        self.failures += 1
        self.failed_at = now
        self.etag = None
        self.lands(good=False)
        self.settle()

    # --- callers

    def call(self, *kids: str | None) -> None:
        """Calls at the same moment."""

        async def begin() -> list[Call]:
            keys = self.world.keys
            tasks = [asyncio.ensure_future(keys.prefetch() if kid is None else keys.find(kid)) for kid in kids]
            return [Call(kid, task) for kid, task in zip(kids, tasks, strict=True)]

        calls = self.run(begin())
        self.calls += calls
        for call in calls:
            call.begun = self.flights
            self.turn(call)
        self.settle()

    @rule()
    def find_the_newest(self) -> None:
        self.call(self.published[-1])

    @rule()
    def tend(self) -> None:
        """What keeps the keys of an application without traffic: a request's fetch, without its kid."""
        if self.flight is None and self.timer.now >= self.due_at:
            self.takes_off()
        self.tends.append((self.flights, self.run(self.tending())))
        self.settle()

    async def tending(self) -> asyncio.Task[float]:
        return asyncio.ensure_future(self.world.keys.tend())

    @rule(which=ANY)
    def find_one_that_ever_was(self, which: int) -> None:
        self.call(self.kids[which % len(self.kids)])

    @rule(number=st.sampled_from([1, 1, 20]))
    def find_an_invented_one(self, number: int) -> None:
        self.call(*(f"invented {index}" for index in range(number)))

    @rule(which=st.lists(ANY, min_size=2, max_size=6), wrong=st.integers(0, 3))
    def find_many_at_once(self, which: list[int], wrong: int) -> None:
        self.call(*(self.kids[one % len(self.kids)] for one in which), *["invented"] * wrong)

    @rule()
    def prefetch(self) -> None:
        self.call(None)

    @precondition(lambda self: self.calls)
    @rule(which=ANY)
    def cancel_a_caller(self, which: int) -> None:
        call = self.calls[which % len(self.calls)]
        call.cancelled = call.task.cancel()
        self.settle()

    @rule()
    def close(self) -> None:
        self.run(self.world.keys.close())
        if self.flight:
            self.lands(good=False)  # it neither succeeded nor failed
        self.settle()

    # --- the server

    @rule()
    def add_a_key(self) -> None:
        self.kids.append(f"k{len(self.kids)}")
        self.published += (self.kids[-1],)

    @precondition(lambda self: len(self.published) > 1)
    @rule()
    def retire_the_oldest(self) -> None:
        self.published = self.published[1:]

    @rule()
    def replace_all_at_once(self) -> None:
        self.kids.append(f"k{len(self.kids)}")
        self.published = (self.kids[-1],)

    @precondition(lambda self: self.flight)
    @rule(max_age=MAX_AGES, tagged=st.booleans(), early=st.booleans())
    def answer(self, max_age: float | None, tagged: bool, early: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """With what is published now, or was when the fetch began."""
        kids = self.flight.kids if early else self.published
        etag = f'"{kids}"' if tagged else None
        self.run(self.world.answer(*kids, etag=etag, max_age=max_age))
        self.succeeded(kids, etag, max_age)

    @precondition(lambda self: self.flight)
    @rule(max_age=MAX_AGES)
    def answer_not_modified(self, max_age: float | None) -> None:
        self.run(self.world.not_modified(max_age=max_age))
        if self.etag is None:
            self.failed()
        else:
            self.succeeded(self.held, self.etag, self.max_age if max_age is None else max_age)

    @precondition(lambda self: self.flight)
    @rule(body=st.sampled_from([None, b'{"keys": []}', b"<html>", key_set("k0", use="enc")]))
    def answer_with_a_failure(self, body: bytes | None) -> None:
        self.run(self.world.fail(ConnectionError()) if body is None else self.world.answer(body=body, etag='"bad"'))
        self.failed()

    @rule(stubborn=st.booleans())
    def let_fetches_be_cancelled_or_not(self, stubborn: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.server.stubborn = stubborn

    @rule(which=ANY)
    def answer_long_after_the_time_out(self, which: int) -> None:
        late = [asked for asked in self.world.server.asked if asked.under_way]
        late = late[:-1] if self.flight else late
        if late:
            late[which % len(late)].answer.set_result(Answer(key_set("late"), '"late"', 5000.0))
        self.settle()

    # --- time

    @rule(seconds=MOMENTS)
    def wait(self, seconds: float) -> None:
        self.run(self.world.to(self.timer.now + seconds))
        if self.flight and self.timer.now >= self.flight.began + TIMEOUT:
            self.failed()

    @precondition(lambda self: self.held)
    @rule(before=st.sampled_from([0.0, 0.25, 4.0]), end=st.sampled_from(["due_at", "fresh_until", "usable_until"]))
    def wait_until_it_matters(self, before: float, end: str) -> None:
        moment = getattr(self, end) - before
        if moment > self.timer.now:
            self.wait(math.ceil((moment - self.timer.now) * 4) / 4)

    # --- what holds

    @invariant()
    def every_call_ends_as_the_model_says(self) -> None:
        for call in self.calls:
            if call.cancelled:
                assert call.task.cancelled()
            elif call.expected == WAITS:
                assert not call.task.done(), call
                assert self.flight, "nobody waits for nothing"
            elif call.kid is None:
                assert call.task.done(), call
                assert call.expected == (outcome(call.task) or "ready")
            else:
                assert outcome(call.task) == call.expected
                assert call.expected != "invented"
                if call.expected == UNAVAILABLE:
                    assert 1 <= int(call.task.exception().headers["Retry-After"]) <= 60
        self.calls = [call for call in self.calls if call.expected == WAITS and not call.cancelled]

    @invariant()
    def who_tends_waits_for_the_fetch(self) -> None:
        for number, task in self.tends:
            assert task.done() == (self.flight is None or self.flights > number)
        self.tends = [(number, task) for number, task in self.tends if not task.done()]

    @invariant()
    def the_status_is_the_models(self) -> None:
        status = self.world.keys.status()
        now = self.timer.now
        state = "fresh" if now < self.fresh_until else "stale" if now < self.usable_until else "unavailable"
        assert status.state == state
        assert status.key_ids == (() if state == "unavailable" else self.held), "an older answer never replaces a newer"
        assert (status.last_error is None) == (not self.failures)

    @invariant()
    def one_fetch_is_under_way_and_has_the_etag_of_the_keys(self) -> None:
        asked = self.world.server.asked
        obedient = [one for one in asked if one.under_way and not one.stubborn]
        assert len(obedient) <= 1
        assert bool(self.flight) >= bool(obedient)
        if self.flight:
            assert asked[-1].under_way
            assert asked[-1].etag == self.etag
            assert self.begins[-1] == self.flight.began
        assert len(self.begins) == self.flights

    @invariant()
    def no_more_is_fetched_than_is_documented(self) -> None:
        """From the history alone."""
        early: list[float] = []
        failures = 0
        for last in self.history:
            failures = failures + 1 if last.lifetime is None else 0
            for began in self.begins[last.number : last.number + 1]:
                if last.lifetime is None:
                    assert began >= last.ended + min(60.0, 2.0 ** (failures - 1)) / 2
                elif began < max(last.began + 0.75 * last.lifetime, last.ended + 0.75):
                    early.append(began)
        assert all(later - sooner >= 30 for sooner, later in pairwise(early))


TestRemoteKeys = Machine.TestCase
TestRemoteKeys.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


# --- published sets

GOOD = [published(RSA), published(EC), published(OKP), published(RSA, alg="RS512"), published(EC, alg="ES256")]
NAMES = ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y", "d", "p", "oth", "k", "x5c"]
texts = st.text("AQgw-_=+9z", max_size=50) | st.sampled_from(
    ["RSA", "EC", "OKP", "oct", "sig", "P-256", "RS256", "AQAB"]
)
mangled = st.builds(
    lambda entry, kid, changes, gone: {
        name: value for name, value in {**entry, "kid": kid, **changes}.items() if name not in gone
    },
    st.sampled_from(GOOD),
    st.sampled_from(["a", "b", "c"]) | st.text(max_size=4),
    st.dictionaries(st.sampled_from(NAMES), json_values | texts, max_size=2),
    st.sets(st.sampled_from(NAMES), max_size=1),
)
entries = st.lists(mangled | json_values, max_size=6)


def strong(key: Any) -> bool:
    raw = key.jwk.raw_value
    match key.algorithm.key_type:
        case "RSA":
            numbers = raw.public_numbers()
            return 2048 <= raw.key_size <= 8192 and numbers.e % 2 == 1 and 3 <= numbers.e < 2**32
        case "EC":
            return raw.curve.name == "secp256r1"
    return key.jwk.curve_name == "Ed25519" and raw.public_bytes_raw() != bytes(32)


@PURE
@given(entries=entries, beside=st.booleans())
def test_a_mangled_set_yields_strong_keys_or_is_unusable(entries, beside):
    """And one good key beside is always taken."""
    if beside:
        entries = [*entries, published(OKP, "beside")]
    try:
        found = read_key_set(json.dumps({"keys": entries}).encode(), algorithms=ASYMMETRIC)
    except Unusable:
        assert not beside or not _is_json(entries)
        return
    assert not beside or "beside" in found.keys
    for kid, key in found.keys.items():
        bearers = [entry for entry in entries if isinstance(entry, dict) and entry.get("kid") == kid]
        assert key.kid == kid
        assert key.algorithm in ASYMMETRIC
        assert strong(key)
        assert not key.jwk.is_private
        assert not any({"d", "p", "oth", "k"} & entry.keys() for entry in bearers)
        assert any(entry.get("use", "sig") == "sig" for entry in bearers)


def _is_json(entries: list[Any]) -> bool:
    """Whether it is JSON as others know it: Python writes NaN, Infinity and lone surrogates too."""
    try:
        json.dumps(entries, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


@PURE
@given(st.binary(max_size=80) | json_values.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_unusable(body):
    try:
        read_key_set(body, algorithms=ASYMMETRIC)
    except Unusable as refused:
        assert str(refused) in {  # noqa: PT017 - nothing of the content
            "the answer is not JSON",
            "the answer is no JSON object with a list of keys",
            "the key set has no key that can be used",
        }
        return
    raise AssertionError
