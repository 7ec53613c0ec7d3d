"""Memory and Redis beside a model: whatever is done to a key, in whatever order, all three say the same."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.record import Answer, Begun, Finished, InFlight, Scope
from sentri.idempotency.redis import RedisStore
from sentri_testing import ManualClock
from tests.idempotency.time_travel import age
from tests.redis_servers import REDIS

LEASE, TTL = 100.0, 600.0  # long, beside the time that the test itself takes
CALLERS = [b"ann", b"bob"]
BODIES = [b"1" * 32, b"2" * 32]
ANSWERS = [None, Answer(200, None, (), b"one"), Answer(201, "Created", (("X-A", "b"),), None)]


@dataclass
class Known:
    """What the model knows of one key."""

    owner: bytes
    until: float
    fingerprint: bytes
    answer: Answer | None = None
    finished: bool = False


@dataclass
class Process:
    """A run that somebody believes to be theirs: they have begun, and have not ended it nor crashed."""

    scope: Scope
    fingerprint: bytes
    owner: bytes


class Model:
    """The store, as it is meant."""

    def __init__(self) -> None:
        self.now = 0.0
        self._known: dict[bytes, Known] = {}

    def begin(self, scope, fingerprint, owner):
        known = self._live(scope)
        if known is None:
            self._known[scope.name] = Known(owner, self.now + LEASE, fingerprint)
            return Begun()
        return Finished(known.fingerprint, known.answer) if known.finished else InFlight(known.fingerprint)

    def renew(self, scope, fingerprint, owner):
        known = self._live(scope)
        if known is not None and (known.finished or known.owner != owner):
            return False
        self._known[scope.name] = Known(owner, self.now + LEASE, fingerprint)
        return True

    def complete(self, scope, fingerprint, owner, answer):
        known = self._live(scope)
        if known is not None and (known.finished or known.owner != owner):
            return False
        self._known[scope.name] = Known(owner, self.now + TTL, fingerprint, answer, finished=True)
        return True

    def release(self, scope, fingerprint, owner):
        known = self._live(scope)
        if known is not None and not known.finished and known.owner == owner:
            del self._known[scope.name]

    def _live(self, scope) -> Known | None:
        known = self._known.get(scope.name)
        return None if known is None or known.until <= self.now else known


def test_memory_and_redis_do_what_the_model_does(redis_client):  # noqa: C901 - the rules share its fixtures
    loop = asyncio.new_event_loop()

    class Stores(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.namespace = f"sentri-test-{secrets.token_hex(8)}"
            self.clock = ManualClock()
            self.model = Model()
            self.memory = MemoryStore(ttl=TTL, lease=LEASE, max_size=1000, max_bytes=1 << 30, clock=self.clock)
            self.redis = RedisStore(REDIS, namespace=self.namespace, ttl=TTL, lease=LEASE)
            self.processes: list[Process] = []

        def all_say(self, operation, *arguments):
            expected = getattr(self.model, operation)(*arguments)
            for store in (self.memory, self.redis):
                said = loop.run_until_complete(getattr(store, operation)(*arguments))
                assert said == expected, (type(store).__name__, operation)
            return expected

        @rule(caller=st.sampled_from(CALLERS), key=st.sampled_from([b"k1", b"k2"]), body=st.sampled_from(BODIES))
        def begin(self, caller, key, body):
            scope = Scope((caller + key).ljust(32), caller)
            owner = secrets.token_bytes(16)
            if self.all_say("begin", scope, body, owner) == Begun():
                self.processes.append(Process(scope, body, owner))

        @precondition(lambda self: self.processes)
        @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
        def complete(self, data, answer):
            process = self.one_of(data)
            self.all_say("complete", process.scope, process.fingerprint, process.owner, answer)

        @precondition(lambda self: self.processes)
        @rule(data=st.data())
        def fail(self, data):
            process = self.one_of(data)
            self.all_say("release", process.scope, process.fingerprint, process.owner)

        @precondition(lambda self: self.processes)
        @rule(data=st.data())
        def crash(self, data):
            self.one_of(data)  # and it says nothing any more

        @precondition(lambda self: self.processes)
        @rule(data=st.data())
        def renew(self, data):
            process = data.draw(st.sampled_from(self.processes))
            self.all_say("renew", process.scope, process.fingerprint, process.owner)

        @rule(seconds=st.sampled_from([10.0, 60.0, 110.0, 350.0, 700.0]))
        def pass_time(self, seconds):
            self.model.now += seconds
            self.clock.advance(seconds)
            age(redis_client, self.namespace, seconds)

        def one_of(self, data) -> Process:
            return self.processes.pop(data.draw(st.integers(0, len(self.processes) - 1)))

        def teardown(self) -> None:
            loop.run_until_complete(self.redis.close())
            for key in redis_client.scan_iter(f"{self.namespace}:*"):
                redis_client.delete(key)

    try:
        run_state_machine_as_test(
            Stores,
            settings=settings(
                max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
            ),
        )
    finally:
        loop.close()
