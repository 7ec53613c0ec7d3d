"""`Sessions` keeps the promises of `SessionStore` on every database."""

import asyncio
from dataclasses import replace

import pytest

from sentri.accounts.stores import ActiveSession
from sentri.randomness import new_id
from tests.storage.samples import HASH, NOW, a_session, a_user


@pytest.fixture
async def user(users):
    user = a_user(roles=("user", "é"))
    await users.add(user)
    return user


@pytest.fixture
async def session(sessions, user):
    session = a_session(user)
    assert await sessions.start(session, verified_hash=HASH)
    return session


async def test_reads_what_was_started(sessions, user):
    session = a_session(user, previous_jti="before", created_at=NOW - 5.000_001, rotated_at=NOW - 1.5)
    assert await sessions.start(session, verified_hash=None)
    assert await sessions.read(session.id) == (session, user)
    assert await sessions.read(new_id()) is None


async def test_finds_a_living_session(sessions, session, user):
    assert await sessions.find_active(session.id) == ActiveSession(user.id, user.identifier, user.roles)
    assert await sessions.find_active(new_id()) is None


async def test_an_expired_session_is_not_found_but_read(sessions, session, clock):
    clock.now = session.expires_at - 0.000_001
    assert await sessions.find_active(session.id)
    clock.now = session.expires_at
    assert await sessions.find_active(session.id) is None
    assert (await sessions.read(session.id))[0] == session


async def test_a_session_of_a_disabled_user_is_not_found_but_read(sessions, session, disable):
    await disable(session.user_id)
    assert await sessions.find_active(session.id) is None
    assert (await sessions.read(session.id))[1].disabled_at == NOW


async def test_finds_the_user_as_they_are_now(sessions, session, users):
    await users.change_roles(session.user_id, lambda roles: ("admin",))
    await users.change_identifier(session.user_id, identifier="New", identifier_key="new")
    assert await sessions.find_active(session.id) == ActiveSession(session.user_id, "New", ("admin",))


@pytest.mark.parametrize("count", [2, 200, 450])
async def test_many_lookups_at_once_get_each_their_own_answer(sessions, users, count):
    everybody = [a_user(f"user {number}") for number in range(5)]
    for user in everybody:
        await users.add(user)
    living = [a_session(everybody[number % 5]) for number in range(min(count, 40))]
    for session in living:
        assert await sessions.start(session, verified_hash=HASH)
    asked = [living[number % len(living)].id if number % 3 else new_id() for number in range(count)]
    found = await asyncio.gather(*(sessions.find_active(name) for name in asked))
    owners = {session.id: session.user_id for session in living}
    assert [answer and answer.user_id for answer in found] == [owners.get(name) for name in asked]


async def test_one_senseless_id_disturbs_no_other_lookup(sessions, session):
    """They may travel in one query."""
    names = [session.id, "not a uuid", "", session.id.upper(), "\x00", "'; DROP TABLE sentri_users; --", session.id]
    found = await asyncio.gather(*(sessions.find_active(name) for name in names))
    assert [answer is not None for answer in found] == [True, False, False, False, False, False, True]


async def test_starts_none_with_another_hash(sessions, user):
    assert not await sessions.start(a_session(user), verified_hash=HASH.swapcase())
    assert not await sessions.start(a_session(user), verified_hash="")
    assert await sessions.end_all(user.id) == 0


async def test_starts_none_for_a_stranger_or_a_disabled_user(sessions, user, disable):
    assert not await sessions.start(a_session(a_user()), verified_hash=None)
    assert not await sessions.start(a_session(a_user()), verified_hash=HASH)
    await disable(user.id)
    assert not await sessions.start(a_session(user), verified_hash=None)
    assert not await sessions.start(a_session(user), verified_hash=HASH)


async def test_rotates(sessions, session):
    assert await sessions.rotate(
        session.id, presented=session.jti, successor="next", now=NOW + 1.25, expires_at=NOW + 200
    )
    rotated, _ = await sessions.read(session.id)
    assert rotated == replace(
        session, jti="next", previous_jti=session.jti, rotated_at=NOW + 1.25, expires_at=NOW + 200
    )


async def test_rotates_nothing_but_what_is_good_now(sessions, session, disable):
    async def rotated(presented=session.jti, name=session.id, now=NOW):
        return await sessions.rotate(name, presented=presented, successor="next", now=now, expires_at=NOW + 200)

    assert not await rotated(presented=session.jti.swapcase())
    assert not await rotated(presented="")
    assert not await rotated(name=new_id())
    assert not await rotated(name="x")
    assert not await rotated(now=session.expires_at)
    await disable(session.user_id)
    assert not await rotated()
    assert (await sessions.read(session.id))[0] == session


async def test_of_concurrent_rotations_one_wins(sessions, session):
    answers = await asyncio.gather(
        *(
            sessions.rotate(session.id, presented=session.jti, successor=f"n{n}", now=NOW, expires_at=NOW + 200)
            for n in range(20)
        )
    )
    assert sum(answers) == 1
    rotated, _ = await sessions.read(session.id)
    assert (rotated.jti, rotated.previous_jti) == (f"n{answers.index(True)}", session.jti)


async def test_a_rotation_never_revives_an_ended_session(sessions, users):
    user = a_user()
    await users.add(user)
    for _ in range(10):
        session = a_session(user)
        await sessions.start(session, verified_hash=None)
        rotation = sessions.rotate(session.id, presented=session.jti, successor="n", now=NOW, expires_at=NOW + 200)
        await asyncio.gather(rotation, sessions.end(session.id))
        assert await sessions.read(session.id) is None


async def test_ends_once(sessions, session):
    answers = await asyncio.gather(*(sessions.end(session.id) for _ in range(10)))
    assert sum(answers) == 1
    assert await sessions.find_active(session.id) is None
    assert not await sessions.end("x")


async def test_ends_all_sessions_of_one_user(sessions, users, user):
    other = a_user("other")
    await users.add(other)
    theirs = a_session(other)
    for session in (a_session(user), a_session(user), a_session(user, expires_at=NOW - 1), theirs):
        assert await sessions.start(session, verified_hash=None)
    assert await sessions.end_all(user.id) == 3
    assert await sessions.end_all(user.id) == 0
    assert await sessions.end_all("x") == 0
    assert await sessions.find_active(theirs.id)


async def test_what_has_ended_is_gone_for_every_lookup_that_starts_afterwards(sessions, session):
    """A look-up joins no query that was sent before it began."""
    before = [asyncio.create_task(sessions.find_active(session.id)) for _ in range(3)]
    await asyncio.sleep(0)
    assert await sessions.end(session.id)
    assert await sessions.find_active(session.id) is None
    await asyncio.gather(*before)
