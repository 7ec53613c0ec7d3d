"""Every store keeps the contract; what memory bounds and what Redis shows is theirs alone."""

from __future__ import annotations

import asyncio
import secrets

import pytest
import redis

from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.record import OVERHEAD, Answer, Begun, Finished, InFlight, Scope, StoreUnavailable
from sentri.idempotency.redis import RedisStore
from sentri_testing import ManualClock
from sentri_testing.contracts import IdempotencyStoreContract
from tests.idempotency.time_travel import age
from tests.redis_servers import REDIS

BODY = b"b" * 32


class TestMemory(IdempotencyStoreContract):
    @pytest.fixture
    def store(self, clock):
        return MemoryStore(ttl=self.TTL, lease=self.LEASE, max_size=2000, max_bytes=1 << 20, clock=clock)

    @pytest.fixture
    def let_pass(self, clock):
        async def advance(seconds):
            clock.advance(seconds)

        return advance


class TestRedis(IdempotencyStoreContract):
    @pytest.fixture
    async def store(self, namespace):
        store = RedisStore(REDIS, namespace=namespace, ttl=self.TTL, lease=self.LEASE)
        yield store
        await store.close()

    @pytest.fixture
    def let_pass(self, redis_client, namespace):
        async def advance(seconds):
            age(redis_client, namespace, seconds)

        return advance


# --- memory


class Memory:
    """A small store: 20 entries, so 2 of one caller."""

    def __init__(self, **options) -> None:
        self.clock = ManualClock()
        given = {"ttl": 60, "lease": 10, "max_size": 20, "max_bytes": 1 << 20}
        self.store = MemoryStore(**given | options, clock=self.clock)

    async def run(self, caller: bytes, body: bytes | None = b"") -> Scope:
        scope = await self.begin(caller)
        assert await self.store.complete(scope, BODY, b"owner", None if body is None else Answer(200, None, (), body))
        return scope

    async def begin(self, caller: bytes) -> Scope:
        scope = Scope(secrets.token_bytes(32), caller)
        assert await self.store.begin(scope, BODY, b"owner") == Begun()
        return scope

    async def knows(self, scope: Scope) -> bool:
        """Whether it is known; one that is not is left free."""
        found = await self.store.begin(scope, BODY, b"a question")
        if found == Begun():
            await self.store.release(scope, BODY, b"a question")
        return found != Begun()


async def test_memory_holds_no_more_than_max_size_and_forgets_what_expires_first():
    memory = Memory()
    scopes = [await memory.run(b"caller %d" % number) for number in range(25)]
    assert [await memory.knows(scope) for scope in scopes] == [False] * 5 + [True] * 20
    assert len(memory.store) == 20


async def test_memory_gives_one_caller_a_tenth_and_evicts_its_own_first():
    memory = Memory()
    others = [await memory.run(b"caller %d" % number) for number in range(10)]
    own = [await memory.run(b"greedy") for _ in range(50)]
    assert [await memory.knows(scope) for scope in others] == [True] * 10
    assert [await memory.knows(scope) for scope in own] == [False] * 48 + [True] * 2


async def test_memory_holds_no_more_than_max_bytes():
    memory = Memory(max_bytes=40_000)
    scopes = [await memory.run(b"caller %d" % number, b"x" * (4000 - OVERHEAD)) for number in range(15)]
    assert [await memory.knows(scope) for scope in scopes] == [False] * 5 + [True] * 10
    assert memory.store.size == 40_000


async def test_memory_gives_one_caller_a_tenth_of_the_bytes():
    memory = Memory(max_size=1000, max_bytes=100_000)
    own = [await memory.run(b"greedy", b"x" * (2500 - OVERHEAD)) for _ in range(10)]
    assert [await memory.knows(scope) for scope in own] == [False] * 6 + [True] * 4
    assert memory.store.size == 10_000


async def test_memory_keeps_the_mark_of_an_answer_that_is_larger_than_a_share():
    memory = Memory(max_bytes=100_000)
    scope = await memory.run(b"caller", b"x" * 10_000)
    assert await memory.store.begin(scope, BODY, b"other") == Finished(BODY, None)
    assert memory.store.size == OVERHEAD


async def test_memory_never_evicts_what_is_in_flight():
    memory = Memory()
    running = [await memory.begin(b"greedy") for _ in range(100)]
    for number in range(30):
        await memory.run(b"caller %d" % number)
    assert [await memory.store.begin(scope, BODY, b"other") for scope in running] == [InFlight(BODY)] * 100


async def test_memory_forgets_what_expired_without_being_asked_for_it():
    memory = Memory()
    for number in range(10):
        await memory.run(b"caller %d" % number)
        await memory.begin(b"crashed")
    memory.clock.advance(61)
    await memory.begin(b"another")
    assert len(memory.store) == 1
    assert memory.store.size == 0


# --- Redis


@pytest.fixture
async def store(namespace):
    store = RedisStore(REDIS, namespace=namespace, ttl=60, lease=10)
    yield store
    await store.close()


async def test_redis_keys_are_digests_in_the_namespace(store, redis_client, namespace):
    scope = Scope(b"\xff" * 32, b"caller")
    await store.begin(scope, BODY, secrets.token_bytes(16))
    keys = list(redis_client.scan_iter(f"{namespace}:*"))
    assert keys == [f"{namespace}:idempotency:{'_' * 42}8".encode()]
    assert 0 < redis_client.pttl(keys[0]) <= 10_000


@pytest.mark.parametrize("value", ["", "something", "1A" + "x" * 100, "9R" + "x" * 48])
async def test_redis_refuses_to_read_what_it_has_not_written(store, redis_client, namespace, value):
    scope = Scope(b"\xff" * 32, b"caller")
    redis_client.set(f"{namespace}:idempotency:{'_' * 42}8", value)
    with pytest.raises(StoreUnavailable):
        await store.begin(scope, BODY, secrets.token_bytes(16))


async def test_redis_refuses_a_key_of_another_type(store, redis_client, namespace):
    redis_client.rpush(f"{namespace}:idempotency:{'_' * 42}8", "a list")
    with pytest.raises(StoreUnavailable):
        await store.begin(Scope(b"\xff" * 32, b"caller"), BODY, secrets.token_bytes(16))


async def test_redis_hears_in_one_round_trip_what_waits_at_the_same_time(own_redis):
    store = RedisStore(own_redis.url, namespace="n", ttl=60, lease=10)
    scopes = [Scope(secrets.token_bytes(32), b"") for _ in range(40)]
    await store.begin(Scope(b"s" * 32, b""), BODY, b"o" * 16)  # it is connected, and knows the script
    before = own_redis.reads()
    assert await asyncio.gather(*(store.begin(scope, BODY, b"o" * 16) for scope in scopes)) == [Begun()] * 40
    assert own_redis.reads() - before < 10
    await store.close()


async def test_an_operation_that_redis_refuses_fails_alone(store, redis_client, namespace):
    redis_client.rpush(f"{namespace}:idempotency:{'_' * 42}8", "a list")
    scopes = [Scope(secrets.token_bytes(32), b"") for _ in range(5)]
    scopes.insert(2, Scope(b"\xff" * 32, b""))
    found = await asyncio.gather(*(store.begin(scope, BODY, b"o" * 16) for scope in scopes), return_exceptions=True)
    assert isinstance(found.pop(2), StoreUnavailable)
    assert found == [Begun()] * 5


async def test_redis_without_its_scripts_hears_of_each_in_a_round_trip_of_many(own_redis):
    store = RedisStore(own_redis.url, namespace="n", ttl=60, lease=10)
    scopes = [Scope(secrets.token_bytes(32), b"") for _ in range(20)]
    assert await asyncio.gather(*(store.begin(scope, BODY, b"o" * 16) for scope in scopes)) == [Begun()] * 20
    with redis.Redis.from_url(own_redis.url) as client:
        client.script_flush()
    steps = [store.complete(scope, BODY, b"o" * 16, None) for scope in scopes[:10]]
    found = await asyncio.gather(*steps, *(store.begin(scope, BODY, b"p" * 16) for scope in scopes[10:]))
    assert found == [True] * 10 + [InFlight(BODY)] * 10
    await store.close()


async def test_a_key_that_is_freed_after_its_asker_was_cancelled_is_free(own_redis):
    store = RedisStore(own_redis.url, namespace="n", ttl=60, lease=10)
    for moment in range(12):
        scope = Scope(secrets.token_bytes(32), b"")
        if moment % 2:
            own_redis.freeze()
        asking = asyncio.create_task(store.begin(scope, BODY, b"o" * 16))
        for _ in range(moment):
            await asyncio.sleep(0)
        asking.cancel()
        freed = asyncio.create_task(store.release(scope, BODY, b"o" * 16))
        own_redis.thaw()
        await freed
        assert await store.begin(scope, BODY, b"p" * 16) == Begun(), moment
    await store.close()


async def test_redis_that_lost_its_scripts_or_hung_up_is_asked_again_at_once(own_redis):
    store = RedisStore(own_redis.url, namespace="n", ttl=60, lease=10)
    for number in range(5):
        scope = Scope(secrets.token_bytes(32), b"caller")
        assert await store.begin(scope, BODY, b"o" * 16) == Begun(), number
        own_redis.hang_up()
        with redis.Redis.from_url(own_redis.url) as client:
            client.script_flush()
        assert await store.complete(scope, BODY, b"o" * 16, None)
    await store.close()


async def test_redis_that_is_not_there_fails_without_showing_its_address():
    store = RedisStore("redis://user:swordfish@127.0.0.1:1/0", namespace="n", ttl=60, lease=10)
    with pytest.raises(StoreUnavailable) as raised:
        await store.begin(Scope(b"n" * 32, b""), BODY, b"o" * 16)
    assert "swordfish" not in f"{raised.value!r} {raised.value.__cause__!r} {store!r}"
    assert raised.value.__suppress_context__
    await store.close()


async def test_redis_that_never_answers_fails_in_time(own_redis):
    store = RedisStore(own_redis.url, namespace="n", ttl=60, lease=10)
    scope = Scope(secrets.token_bytes(32), b"")
    assert await store.begin(scope, BODY, b"o" * 16) == Begun()
    own_redis.freeze()
    async with asyncio.timeout(4):
        with pytest.raises(StoreUnavailable):
            await store.begin(scope, BODY, b"o" * 16)
    own_redis.thaw()
    assert await store.begin(scope, BODY, b"o" * 16) == Begun()
    await store.close()


def test_redis_is_used_from_one_event_loop_after_another(namespace):
    store = RedisStore(REDIS, namespace=namespace, ttl=60, lease=10)

    async def work():
        scopes = [Scope(secrets.token_bytes(32), b"") for _ in range(200)]  # more than there are connections
        found = await asyncio.gather(*(store.begin(scope, BODY, b"o" * 16) for scope in scopes))
        assert found == [Begun()] * 200
        await store.close()

    for _ in range(2):
        asyncio.run(work())
