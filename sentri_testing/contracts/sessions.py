"""What `sentri.accounts.stores.SessionStore` promises, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sentri.accounts.stores import ActiveSession, SessionRecord, SessionStore, UserRecord, UserStore
from sentri.randomness import new_id
from sentri_testing.contracts.records import HASH, NOW, a_session, a_user

__all__ = ["SessionStoreContract"]


class SessionStoreContract:
    """The promises of a store of sessions. Subclass it in a test module and give it four fixtures.

    `sessions`: an empty store.

    `users`: the empty store of users beside it.

    `set_time`: a function that has the clock of the sessions say this; it says
    `sentri_testing.contracts.records.NOW` until then.

    `disable`: an async function that disables the user with this id at `NOW`, as another process would.
    """

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def sessions(self) -> SessionStore:
        """To be overridden."""
        raise NotImplementedError("give the fixture `sessions`: the store that is tested")

    @pytest.fixture
    def users(self) -> UserStore:
        """To be overridden."""
        raise NotImplementedError("give the fixture `users`: the store of users beside it")

    @pytest.fixture
    def set_time(self) -> Callable[[float], None]:
        """To be overridden."""
        raise NotImplementedError("give the fixture `set_time`: a function that sets the clock of the sessions")

    @pytest.fixture
    def disable(self) -> Callable[[str], Awaitable[None]]:
        """To be overridden."""
        raise NotImplementedError("give the fixture `disable`: an async function that disables a user")

    async def test_reads_what_was_started(self, sessions: SessionStore, users: UserStore) -> None:
        user = await _added(users)
        known = {"device": "Möbius/5.0 \U0001f600 " * 17, "address": "2001:db8:ffff:ffff:ffff:ffff:255.255.255.255"}
        session = a_session(user, previous_jti="before", created_at=NOW - 5.000_001, rotated_at=NOW - 1.5, **known)
        assert await sessions.start(session, verified_hash=None)
        assert await sessions.read(session.id) == (session, user)
        assert await sessions.read(new_id()) is None

    async def test_with_a_maximum_the_least_recently_refreshed_go(
        self, sessions: SessionStore, users: UserStore
    ) -> None:
        user, other = await _added(users), a_user("bob@example.com")
        assert await users.add(other)
        mine = a_session(other)
        old = [a_session(user, rotated_at=NOW - number) for number in range(4)]
        for session in (*old, mine):
            assert await sessions.start(session, verified_hash=None)
        new = a_session(user, rotated_at=NOW + 1)
        assert await sessions.start(new, verified_hash=HASH, most=3)
        left = [await sessions.read(session.id) is not None for session in (new, *old, mine)]
        assert left == [True, True, True, False, False, True]
        refused = a_session(user)
        assert not await sessions.start(refused, verified_hash="another hash", most=1)
        assert await sessions.read(new.id) is not None

    async def test_with_a_maximum_no_more_are_left_however_many_start_at_once(
        self, sessions: SessionStore, users: UserStore
    ) -> None:
        user = await _added(users)
        many = [a_session(user, rotated_at=NOW + number) for number in range(8)]
        started = await asyncio.gather(*(sessions.start(one, verified_hash=None, most=2) for one in many))
        assert all(started)
        left = [one for one in many if await sessions.read(one.id) is not None]
        assert len(left) == 2

    async def test_purges_what_has_expired_the_oldest_first(self, sessions: SessionStore, users: UserStore) -> None:
        user = await _added(users)
        many = [a_session(user, expires_at=NOW + number) for number in range(5)]
        for session in many:
            assert await sessions.start(session, verified_hash=None)
        assert await sessions.purge(before=NOW + 3, most=3) == 3
        assert await sessions.purge(before=NOW + 3, most=3) == 1
        assert await sessions.purge(before=NOW + 3, most=3) == 0
        assert [await sessions.read(session.id) is not None for session in many] == [False] * 4 + [True]

    async def test_finds_a_living_session(self, sessions: SessionStore, users: UserStore) -> None:
        session, user = await _started(sessions, users)
        assert await sessions.find_active(session.id) == ActiveSession(user.id, user.identifier, user.roles)
        assert await sessions.find_active(new_id()) is None

    async def test_an_expired_session_is_not_found_but_read(
        self, sessions: SessionStore, users: UserStore, set_time: Callable[[float], None]
    ) -> None:
        session, user = await _started(sessions, users)
        set_time(session.expires_at - 0.000_001)
        assert await sessions.find_active(session.id)
        set_time(session.expires_at)
        assert await sessions.find_active(session.id) is None
        assert await sessions.read(session.id) == (session, user)

    async def test_a_session_of_a_disabled_user_is_not_found_but_read(
        self, sessions: SessionStore, users: UserStore, disable: Callable[[str], Awaitable[None]]
    ) -> None:
        session, user = await _started(sessions, users)
        await disable(user.id)
        assert await sessions.find_active(session.id) is None
        assert await sessions.read(session.id) == (session, replace(user, disabled_at=NOW))

    async def test_finds_the_user_as_they_are_now(self, sessions: SessionStore, users: UserStore) -> None:
        session, user = await _started(sessions, users)
        await users.change_roles(user.id, lambda _: ("admin",))
        await users.change_identifier(user.id, identifier="New", identifier_key="new")
        assert await sessions.find_active(session.id) == ActiveSession(user.id, "New", ("admin",))

    @pytest.mark.parametrize("count", [2, 200, 450])
    async def test_many_lookups_at_once_get_each_their_own_answer(
        self, sessions: SessionStore, users: UserStore, count: int
    ) -> None:
        everybody = [await _added(users, f"user {number}") for number in range(5)]
        living = [a_session(everybody[number % 5]) for number in range(min(count, 40))]
        for session in living:
            assert await sessions.start(session, verified_hash=HASH)
        asked = [living[number % len(living)].id if number % 3 else new_id() for number in range(count)]
        found = await asyncio.gather(*(sessions.find_active(name) for name in asked))
        owners = {session.id: session.user_id for session in living}
        assert [answer and answer.user_id for answer in found] == [owners.get(name) for name in asked]

    async def test_one_senseless_id_disturbs_no_other_lookup(self, sessions: SessionStore, users: UserStore) -> None:
        """They may travel in one query."""
        session, _ = await _started(sessions, users)
        names = [session.id, "not a uuid", "", session.id.upper(), "\x00", "'; DROP TABLE users; --", session.id]
        found = await asyncio.gather(*(sessions.find_active(name) for name in names))
        assert [answer is not None for answer in found] == [True, False, False, False, False, False, True]

    async def test_starts_none_with_another_hash(self, sessions: SessionStore, users: UserStore) -> None:
        user = await _added(users)
        assert not await sessions.start(a_session(user), verified_hash=HASH.swapcase())
        assert not await sessions.start(a_session(user), verified_hash="")
        assert await sessions.end_all(user.id) == 0

    async def test_starts_none_for_a_stranger_or_a_disabled_user(
        self, sessions: SessionStore, users: UserStore, disable: Callable[[str], Awaitable[None]]
    ) -> None:
        user = await _added(users)
        assert not await sessions.start(a_session(a_user()), verified_hash=None)
        assert not await sessions.start(a_session(a_user()), verified_hash=HASH)
        await disable(user.id)
        assert not await sessions.start(a_session(user), verified_hash=None)
        assert not await sessions.start(a_session(user), verified_hash=HASH)

    async def test_rotates(self, sessions: SessionStore, users: UserStore) -> None:
        session, user = await _started(sessions, users)
        end = NOW + 200
        assert await sessions.rotate(
            session.id, presented=session.jti, successor="next", now=NOW + 1.25, expires_at=end
        )
        rotated = replace(session, jti="next", previous_jti=session.jti, rotated_at=NOW + 1.25, expires_at=end)
        assert await sessions.read(session.id) == (rotated, user)

    async def test_rotations_at_the_same_time_decide_each_for_itself(
        self, sessions: SessionStore, users: UserStore
    ) -> None:
        user = await _added(users)
        made = [a_session(user) for _ in range(8)]
        for session in made:
            assert await sessions.start(session, verified_hash=None)

        async def rotated(session: SessionRecord, presented: str, successor: str) -> bool:
            return await sessions.rotate(
                session.id, presented=presented, successor=successor, now=NOW, expires_at=NOW + 200
            )

        steps = [rotated(session, session.jti, f"next {number}") for number, session in enumerate(made[:6])]
        steps += [rotated(made[6], "spent", "n"), *(rotated(made[7], made[7].jti, name) for name in ("one", "two"))]
        *good, bad, one, two = await asyncio.gather(*steps)
        assert good == [True] * 6
        assert (bad, one != two) == (False, True)
        found = [await sessions.read(session.id) for session in made]
        jtis = [at[0].jti for at in found if at is not None]
        assert jtis == [*(f"next {number}" for number in range(6)), made[6].jti, "one" if one else "two"]

    async def test_rotates_nothing_but_what_is_good_now(
        self, sessions: SessionStore, users: UserStore, disable: Callable[[str], Awaitable[None]]
    ) -> None:
        session, user = await _started(sessions, users)

        async def rotated(presented: str = session.jti, name: str = session.id, now: float = NOW) -> bool:
            return await sessions.rotate(name, presented=presented, successor="next", now=now, expires_at=NOW + 200)

        assert not await rotated(presented=session.jti.swapcase())
        assert not await rotated(presented="")
        assert not await rotated(name=new_id())
        assert not await rotated(name="x")
        assert not await rotated(now=session.expires_at)
        await disable(user.id)
        assert not await rotated()
        assert await sessions.read(session.id) == (session, replace(user, disabled_at=NOW))

    async def test_of_concurrent_rotations_one_wins(self, sessions: SessionStore, users: UserStore) -> None:
        session, user = await _started(sessions, users)
        answers = await asyncio.gather(*(_rotation(sessions, session, successor=f"n{n}") for n in range(20)))
        assert sum(answers) == 1
        won = replace(session, jti=f"n{answers.index(True)}", previous_jti=session.jti, expires_at=NOW + 200)
        assert await sessions.read(session.id) == (won, user)

    async def test_a_rotation_never_revives_an_ended_session(self, sessions: SessionStore, users: UserStore) -> None:
        user = await _added(users)
        for _ in range(10):
            session = a_session(user)
            await sessions.start(session, verified_hash=None)
            await asyncio.gather(_rotation(sessions, session, successor="n"), sessions.end(session.id))
            assert await sessions.read(session.id) is None

    async def test_ends_once(self, sessions: SessionStore, users: UserStore) -> None:
        session, _ = await _started(sessions, users)
        answers = await asyncio.gather(*(sessions.end(session.id) for _ in range(10)))
        assert sum(answers) == 1
        assert await sessions.find_active(session.id) is None
        assert not await sessions.end("x")

    async def test_ends_all_sessions_of_one_user(self, sessions: SessionStore, users: UserStore) -> None:
        user, other = await _added(users), await _added(users, "other")
        theirs = a_session(other)
        for session in (a_session(user), a_session(user), a_session(user, expires_at=NOW - 1), theirs):
            assert await sessions.start(session, verified_hash=None)
        assert await sessions.end_all(user.id) == 3
        assert await sessions.end_all(user.id) == 0
        assert await sessions.end_all("x") == 0
        assert await sessions.find_active(theirs.id)

    async def test_ends_the_session_of_its_own_user_alone(self, sessions: SessionStore, users: UserStore) -> None:
        session, user = await _started(sessions, users)
        other = await _added(users, "other")
        assert not await sessions.end(session.id, of=other.id)
        assert not await sessions.end(session.id, of="x")
        assert await sessions.find_active(session.id)
        assert await sessions.end(session.id, of=user.id)
        assert not await sessions.end(session.id, of=user.id)

    async def test_pages_of_a_users_sessions_come_with_the_latest_login_first(
        self, sessions: SessionStore, users: UserStore
    ) -> None:
        user, other = await _added(users), await _added(users, "other")
        mine = [a_session(user, created_at=NOW - number // 2, device=f"d{number}") for number in range(7)]
        others = [a_session(other), a_session(user, expires_at=NOW), a_session(user, expires_at=NOW - 1)]
        for session in (*mine, *others):
            assert await sessions.start(session, verified_hash=None)
        found: list[SessionRecord] = []
        while page := await sessions.page(user.id, now=NOW, after=_place(found), most=2):
            found.extend(page)
        assert found == sorted(mine, key=lambda session: (session.created_at, session.id), reverse=True)
        assert await sessions.page(user.id, now=NOW, after=None, most=100) == found
        assert await sessions.page("x", now=NOW, after=None, most=100) == []
        assert await sessions.page(new_id(), now=NOW, after=None, most=100) == []

    async def test_a_rotation_keeps_where_a_session_comes_from(self, sessions: SessionStore, users: UserStore) -> None:
        session = a_session(await _added(users), device="a browser", address="192.0.2.1")
        assert await sessions.start(session, verified_hash=HASH, most=3)
        assert await _rotation(sessions, session, successor="n")
        found = await sessions.read(session.id)
        assert found is not None
        assert (found[0].device, found[0].address) == ("a browser", "192.0.2.1")

    async def test_describes_what_nothing_is_known_of(self, sessions: SessionStore, users: UserStore) -> None:
        session, user = await _started(sessions, users)
        assert await sessions.describe(session.id, device="a browser", address=None)
        assert not await sessions.describe(session.id, device="another", address="192.0.2.1")
        assert await sessions.read(session.id) == (replace(session, device="a browser"), user)
        assert not await sessions.describe("x", device="a browser", address=None)

    async def test_what_has_ended_is_gone_for_every_lookup_that_starts_afterwards(
        self, sessions: SessionStore, users: UserStore
    ) -> None:
        """A look-up joins no query that was sent before it began."""
        session, _ = await _started(sessions, users)
        before = [asyncio.create_task(sessions.find_active(session.id)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await sessions.end(session.id)
        assert await sessions.find_active(session.id) is None
        await asyncio.gather(*before)


async def _added(users: UserStore, key: str = "ann@example.com") -> UserRecord:
    user = a_user(key, roles=("user", "é"))
    assert await users.add(user)
    return user


async def _started(sessions: SessionStore, users: UserStore) -> tuple[SessionRecord, UserRecord]:
    user = await _added(users)
    session = a_session(user)
    assert await sessions.start(session, verified_hash=HASH)
    return session, user


def _place(found: list[SessionRecord]) -> tuple[float, str] | None:
    return (found[-1].created_at, found[-1].id) if found else None


def _rotation(sessions: SessionStore, session: SessionRecord, *, successor: str) -> Awaitable[bool]:
    return sessions.rotate(session.id, presented=session.jti, successor=successor, now=NOW, expires_at=NOW + 200)
