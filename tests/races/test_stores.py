"""Two changes at the same moment, one of them held still in the middle: the order of their commits decides.

The other side uses a `Database` of its own, as another process would.
"""

import asyncio

import pytest

from sentri.clock import system_clock
from sentri.storage import Database, Sessions, Users
from sentri.storage.user_imports import UserImports
from tests.races.holding import Held
from tests.storage.samples import HASH, NOW, a_session, a_user


@pytest.fixture
async def other_database(database_options):
    opened = Database(database_options)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def held(database):
    return Held(database)


@pytest.fixture
def users(other_database):
    return Users(other_database)


@pytest.fixture
def sessions(other_database):
    return Sessions(other_database, lambda: NOW)


@pytest.fixture
async def user(users):
    user = a_user()
    await users.add(user)
    return user


async def one_after_the_other(held: Held, first, second):
    """Begin `first`, see that `second` waits for it, let go; both results."""
    first = asyncio.create_task(first)
    await held.reached.wait()
    second = asyncio.create_task(second)
    await asyncio.wait((second,), timeout=0.15)
    waited = not second.done()
    held.let_go.set()
    results = await asyncio.gather(first, second)
    assert waited
    return results


async def test_no_session_starts_with_a_password_that_is_being_changed(held, users, sessions, user):
    change = Users(held).change_password(user.id, verified=HASH, renewed="new")
    start = sessions.start(a_session(user), verified_hash=HASH)
    assert await one_after_the_other(held, change, start) == [True, None]
    assert await sessions.end_all(user.id) == 0


async def test_a_session_that_is_being_started_does_not_survive_a_new_password(held, users, sessions, user):
    session = a_session(user)
    start = Sessions(held, system_clock).start(session, verified_hash=HASH)
    change = users.change_password(user.id, verified=HASH, renewed="new")
    started, changed = await one_after_the_other(held, start, change)
    assert (started is not None, changed) == (True, True)
    assert await sessions.read(session.id) is None


async def test_a_renewed_hash_and_a_new_password_do_not_overwrite_each_other(held, users, user):
    renewal = Users(held).renew_hash(user.id, verified=HASH, renewed="renewed")
    change = users.change_password(user.id, verified=HASH, renewed="changed")
    assert await one_after_the_other(held, renewal, change) == [True, False]
    assert (await users.by_id(user.id)).password_hash == "renewed"


async def test_roles_are_decided_on_what_the_other_change_wrote(held, users, user):
    first = Users(held).change_roles(user.id, lambda roles: (*roles, "first"))
    second = users.change_roles(user.id, lambda roles: (*roles, "second"))
    _, last = await one_after_the_other(held, first, second)
    assert last.roles == ("user", "first", "second")


async def test_a_rotation_waits_for_a_log_out_and_finds_nothing(held, users, sessions, user):
    session = a_session(user)
    await sessions.start(session, verified_hash=None)
    rotation = sessions.rotate(session.id, presented=session.jti, successor="n", now=NOW, expires_at=NOW + 9)
    assert await one_after_the_other(held, Sessions(held, system_clock).end(session.id), rotation) == [True, False]
    assert await sessions.read(session.id) is None


async def test_of_two_rotations_the_second_waits_and_loses(held, users, sessions, user):
    session = a_session(user)
    await sessions.start(session, verified_hash=None)
    rotate = {"presented": session.jti, "now": NOW, "expires_at": NOW + 9}
    first = Sessions(held, system_clock).rotate(session.id, successor="first", **rotate)
    second = sessions.rotate(session.id, successor="second", **rotate)
    assert await one_after_the_other(held, first, second) == [True, False]
    assert (await sessions.read(session.id))[0].jti == "first"


async def test_rotations_of_two_processes_that_share_sessions_never_wait_for_each_other(
    database, other_database, sessions, user
):
    made = [a_session(user) for _ in range(30)]
    for session in made:
        await sessions.start(session, verified_hash=None)

    def rotated(store, session, successor):
        return store.rotate(session.id, presented=session.jti, successor=successor, now=NOW, expires_at=NOW + 9)

    here, there = Sessions(database, lambda: NOW), Sessions(other_database, lambda: NOW)
    async with asyncio.timeout(20):
        one, other = await asyncio.gather(
            asyncio.gather(*(rotated(here, session, "here") for session in made)),
            asyncio.gather(*(rotated(there, session, "there") for session in reversed(made))),
        )
    assert [first != second for first, second in zip(one, reversed(other), strict=True)] == [True] * 30
    for session, won_here in zip(made, one, strict=True):
        now, _ = await sessions.read(session.id)
        assert now.jti == ("here" if won_here else "there")
        assert now.previous_jti == session.jti


async def test_no_session_starts_while_its_user_is_being_disabled(held, users, sessions, user):
    disabling = Users(held).set_disabled(user.id, at=NOW)
    start = sessions.start(a_session(user), verified_hash=HASH)
    assert await one_after_the_other(held, disabling, start) == [user, None]
    assert await sessions.end_all(user.id) == 0


async def test_a_session_that_is_being_started_does_not_survive_its_user_being_disabled(held, users, sessions, user):
    session = a_session(user)
    start = Sessions(held, system_clock).start(session, verified_hash=HASH)
    started, before = await one_after_the_other(held, start, users.set_disabled(user.id, at=NOW))
    assert (started is not None, before) == (True, user)
    assert await sessions.read(session.id) is None


async def test_no_session_starts_while_its_user_is_being_deleted(held, users, sessions, user):
    start = sessions.start(a_session(user), verified_hash=HASH)
    assert await one_after_the_other(held, Users(held).delete(user.id), start) == [user, None]


async def test_a_session_that_is_being_started_does_not_survive_its_user(held, users, sessions, user):
    session = a_session(user)
    start = Sessions(held, system_clock).start(session, verified_hash=HASH)
    started, deleted = await one_after_the_other(held, start, users.delete(user.id))
    assert (started is not None, deleted) == (True, user)
    assert await sessions.read(session.id) is None


async def test_no_session_starts_with_a_password_that_an_admin_is_replacing(held, users, sessions, user):
    change = Users(held).replace_password(user.id, renewed="new")
    start = sessions.start(a_session(user), verified_hash=HASH)
    assert await one_after_the_other(held, change, start) == [True, None]


async def test_a_users_own_new_password_and_an_admins_do_not_mix(held, users, user):
    own = Users(held).change_password(user.id, verified=HASH, renewed="own")
    assert await one_after_the_other(held, own, users.replace_password(user.id, renewed="of an admin")) == [True, True]
    assert (await users.by_id(user.id)).password_hash == "of an admin"


async def test_a_rotation_waits_for_its_user_being_deleted_and_finds_nothing(held, users, sessions, user):
    session = a_session(user)
    await sessions.start(session, verified_hash=None)
    deleting = Sessions(held, system_clock).end_all(user.id)
    rotation = sessions.rotate(session.id, presented=session.jti, successor="n", now=NOW, expires_at=NOW + 9)
    assert await one_after_the_other(held, deleting, rotation) == [1, False]


async def test_a_change_of_roles_and_disabling_keep_each_others_word(held, users, user):
    roles = Users(held).change_roles(user.id, lambda current: (*current, "admin"))
    await one_after_the_other(held, roles, users.set_disabled(user.id, at=NOW))
    found = await users.by_id(user.id)
    assert (found.roles, found.disabled_at) == (("user", "admin"), NOW)


async def test_of_two_users_with_one_identifier_the_second_waits_and_is_refused(held, users, user):
    first = Users(held).add(a_user("same"))
    second = users.add(a_user("same"))
    assert await one_after_the_other(held, first, second) == [True, False]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)  # SQLite lets nobody commit in between
async def test_of_an_import_that_commits_while_it_is_looked_for_nobody_is_missed(database, users, monkeypatch):
    """Many are looked for in several statements, and each sees what is committed by then."""
    wanted, found = [a_user(f"user {number}") for number in range(250)], UserImports.seen

    async def found_late(imports, session, rows):
        monkeypatch.setattr(UserImports, "seen", found)
        before = await found(imports, session, rows[:200])
        await users.add_all(wanted)
        behind = await found(imports, session, rows[200:])
        return before | {200 + position: what for position, what in behind.items()}

    monkeypatch.setattr(UserImports, "seen", found_late)
    assert len(await Users(database).in_the_way(wanted)) == 250


async def test_under_load_no_session_of_an_old_password_survives(database, other_database, user):
    """Log-ins and changes of password from two sides, without any order."""
    sides = [(Users(side), Sessions(side, lambda: NOW)) for side in (database, other_database)]
    current, started = HASH, []

    async def log_in(sessions, verified):
        session = a_session(user)
        if await sessions.start(session, verified_hash=verified):
            started.append(session)

    for turn in range(8):
        renewed = f"hash {turn}"
        log_ins = [log_in(sides[number % 2][1], current) for number in range(8)]
        change = sides[turn % 2][0].change_password(user.id, verified=current, renewed=renewed)
        *_, changed = await asyncio.gather(*log_ins[:4], *log_ins[4:], change)
        assert changed
        assert await sides[0][1].end_all(user.id) == 0
        current = renewed
