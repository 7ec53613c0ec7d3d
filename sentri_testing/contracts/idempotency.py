"""What `sentri.idempotency.Store` promises, as tests."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from sentri.idempotency import LEASE, Answer, Begun, Finished, InFlight, Scope, Store

__all__ = ["IdempotencyStoreContract"]

BODY: Final = secrets.token_bytes(32)
OTHER_BODY: Final = secrets.token_bytes(32)
ONE: Final = secrets.token_bytes(16)
OTHER: Final = secrets.token_bytes(16)
ANSWER: Final = Answer(
    status=201,
    reason="Created",
    headers=(("Content-Type", "text/plain; charset=utf-8"), ("X-Ü", "ß"), ("X-Ü", "twice")),
    body=bytes(range(256)),
    compressed=True,
)


def new_scope() -> Scope:
    """A key that nobody used."""
    return Scope(secrets.token_bytes(32), b"a caller")


class IdempotencyStoreContract:
    """The promises of a store. Subclass it in a test module and give it two fixtures.

    `store`: an empty store with a lease of `LEASE` seconds and a ttl of `TTL` seconds, with room for a hundred keys.

    `let_pass`: an async function that makes these seconds pass for the store, by moving its clock or by waiting.
    """

    LEASE = LEASE
    TTL = 60.0

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def store(self) -> Store:
        """To be overridden."""
        raise NotImplementedError("give the fixture `store`: the store that is tested")

    @pytest.fixture
    def let_pass(self) -> Callable[[float], Awaitable[None]]:
        """To be overridden where time can be moved."""
        return asyncio.sleep

    async def test_a_free_key_is_begun(self, store: Store) -> None:
        assert await store.begin(new_scope(), BODY, ONE) == Begun()

    async def test_a_key_in_flight_is_not_begun_twice(self, store: Store) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        assert await store.begin(scope, OTHER_BODY, OTHER) == InFlight(BODY)

    async def test_of_many_that_begin_at_once_one_does(self, store: Store) -> None:
        scope = new_scope()
        found = await asyncio.gather(*(store.begin(scope, BODY, secrets.token_bytes(16)) for _ in range(50)))
        assert [each for each in found if isinstance(each, Begun)] == [Begun()]
        assert len([each for each in found if each == InFlight(BODY)]) == 49

    async def test_the_owner_may_begin_again(self, store: Store) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        assert await store.begin(scope, BODY, ONE) == Begun()
        assert await store.begin(scope, BODY, OTHER) == InFlight(BODY)

    @pytest.mark.parametrize(
        "answer",
        [
            ANSWER,
            Answer(200, None, (), None),
            Answer(204, "", (), b""),
            None,
        ],
    )
    async def test_what_is_completed_is_found(self, store: Store, answer: Answer | None) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        assert await store.complete(scope, BODY, ONE, answer)
        assert await store.begin(scope, OTHER_BODY, OTHER) == Finished(BODY, answer)
        assert await store.begin(scope, BODY, ONE) == Finished(BODY, answer)

    async def test_completing_again_changes_nothing(self, store: Store) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        assert await store.complete(scope, BODY, ONE, ANSWER)
        assert await store.complete(scope, BODY, ONE, ANSWER)
        assert await store.begin(scope, BODY, OTHER) == Finished(BODY, ANSWER)

    async def test_keys_do_not_meet(self, store: Store) -> None:
        one, other = new_scope(), new_scope()
        await store.begin(one, BODY, ONE)
        assert await store.begin(other, BODY, OTHER) == Begun()
        await store.complete(one, BODY, ONE, ANSWER)
        assert await store.begin(other, BODY, ONE) == InFlight(BODY)

    async def test_a_released_key_is_free(self, store: Store) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        await store.release(scope, BODY, ONE)
        assert await store.begin(scope, OTHER_BODY, OTHER) == Begun()

    async def test_releasing_what_is_not_in_flight_does_nothing(self, store: Store) -> None:
        scope = new_scope()
        await store.release(scope, BODY, ONE)
        await store.begin(scope, BODY, ONE)
        await store.complete(scope, BODY, ONE, ANSWER)
        await store.release(scope, BODY, ONE)
        assert await store.begin(scope, BODY, OTHER) == Finished(BODY, ANSWER)

    async def test_the_lease_ends(self, store: Store, let_pass: Callable[[float], Awaitable[None]]) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        await let_pass(self.LEASE * 0.9)
        assert await store.begin(scope, BODY, OTHER) == InFlight(BODY)
        await let_pass(self.LEASE * 0.2)
        assert await store.begin(scope, OTHER_BODY, OTHER) == Begun()

    async def test_a_renewed_lease_goes_on(self, store: Store, let_pass: Callable[[float], Awaitable[None]]) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        for _ in range(3):
            await let_pass(self.LEASE * 0.8)
            assert await store.renew(scope, BODY, ONE)
        assert await store.begin(scope, BODY, OTHER) == InFlight(BODY)

    async def test_only_the_owner_renews_completes_and_releases(self, store: Store) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        assert not await store.renew(scope, BODY, OTHER)
        assert not await store.complete(scope, BODY, OTHER, ANSWER)
        await store.release(scope, BODY, OTHER)
        assert await store.begin(scope, BODY, OTHER) == InFlight(BODY)
        assert await store.complete(scope, BODY, ONE, None)

    async def test_whoever_lost_the_lease_changes_nothing_of_its_new_owner(
        self, store: Store, let_pass: Callable[[float], Awaitable[None]]
    ) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        await let_pass(self.LEASE * 1.1)
        assert await store.begin(scope, BODY, OTHER) == Begun()
        assert not await store.renew(scope, BODY, ONE)
        assert not await store.complete(scope, BODY, ONE, None)
        await store.release(scope, BODY, ONE)
        assert await store.complete(scope, BODY, OTHER, ANSWER)
        assert not await store.complete(scope, BODY, ONE, None)
        assert await store.begin(scope, BODY, ONE) == Finished(BODY, ANSWER)

    async def test_whoever_still_runs_takes_a_lost_key_that_is_free(
        self, store: Store, let_pass: Callable[[float], Awaitable[None]]
    ) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        await let_pass(self.LEASE * 1.1)
        assert await store.renew(scope, BODY, ONE)
        assert await store.begin(scope, BODY, OTHER) == InFlight(BODY)
        await let_pass(self.LEASE * 1.1)
        assert await store.complete(scope, BODY, ONE, ANSWER)
        assert await store.begin(scope, BODY, OTHER) == Finished(BODY, ANSWER)

    @pytest.mark.parametrize("answer", [ANSWER, None])
    async def test_an_answer_is_kept_for_its_time(
        self, store: Store, let_pass: Callable[[float], Awaitable[None]], answer: Answer | None
    ) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        await let_pass(self.LEASE * 0.5)
        await store.complete(scope, BODY, ONE, answer)
        await let_pass(self.TTL * 0.95)
        assert await store.begin(scope, BODY, OTHER) == Finished(BODY, answer)
        await let_pass(self.TTL * 0.1)
        assert await store.begin(scope, BODY, OTHER) == Begun()

    async def test_a_closed_store_opens_again(self, store: Store) -> None:
        scope = new_scope()
        await store.begin(scope, BODY, ONE)
        await store.complete(scope, BODY, ONE, ANSWER)
        await store.close()
        await store.close()
        assert await store.begin(scope, BODY, OTHER) == Finished(BODY, ANSWER)
