"""`Users` keeps the promises of `UserStore` on every database."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentri.accounts.stores import Change
from sentri.randomness import new_id
from sentri.storage.drivers import driver_for
from tests.storage.samples import HASH, NOW, a_session, a_user

LOOKALIKES = [
    "cafe",
    "café",
    "CAFE",
    "cafe ",
    " cafe",
    "case",
    "CASE",
    "straße",
    "strasse",
    "cafe\u0301",
    "ꜳ",
    "i",
    "İ",
]
ALL_OF_UNICODE = "\U0001f600 \U00020000 é Ω %s ? {} $1 ' \" \\ `; --"


async def test_reads_what_was_added(users):
    user = a_user(ALL_OF_UNICODE, roles=("admin", "rôle", "\U0001f600", "%s"), disabled_at=1_795_422_844.860_814)
    assert await users.add(user)
    assert await users.by_id(user.id) == user
    assert await users.by_key(user.identifier_key) == user


async def test_keeps_no_roles_apart_from_some(users):
    user = a_user(roles=())
    await users.add(user)
    assert (await users.by_id(user.id)).roles == ()


async def test_answers_none_for_strangers(users):
    assert await users.by_id(new_id()) is None
    assert await users.by_key("nobody") is None


async def test_keys_compare_by_bytes(users):
    """No database folds case, accents or trailing spaces."""
    added = [a_user(key) for key in LOOKALIKES]
    for user in added:
        assert await users.add(user), user.identifier_key
    for user in added:
        assert await users.by_key(user.identifier_key) == user
    assert await users.by_key("Cafe") is None
    assert await users.by_key("café ") is None


@pytest.mark.parametrize("key", ["é" * 255, "\U0001f600" * 255, "a" * 255])
async def test_holds_keys_of_255_characters(users, key):
    assert await users.add(a_user(key, identifier=key))
    assert not await users.add(a_user(key))
    assert (await users.by_key(key)).identifier == key


async def test_one_key_belongs_to_one_user(users):
    first, second = a_user("taken"), a_user("taken")
    assert await users.add(first)
    assert not await users.add(second)
    assert await users.by_key("taken") == first
    assert await users.by_id(second.id) is None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(micros=st.integers(0, 4_102_444_800_000_000))
def test_instants_are_exact_to_the_microsecond(micros, dialect):
    """From 1970 to 2100, through each dialect's converter."""
    values = driver_for(dialect).values
    assert round(values.seconds(values.time(micros / 1_000_000)) * 1_000_000) == micros


@pytest.mark.parametrize("now", [0.0, NOW, 1_700_000_000.000001, 1_700_000_000.999999, 4_102_444_799.123457])
async def test_instants_come_back_exactly(users, now):
    user = a_user(created_at=now, disabled_at=now)
    await users.add(user)
    assert await users.by_id(user.id) == user


@pytest.mark.parametrize("name", ["", "1", "not-a-uuid", "' OR 1=1 --", "A" * 36, "\U0001f600"])
async def test_what_is_no_id_names_nobody(users, name):
    assert await users.by_id(name) is None
    assert not await users.renew_hash(name, verified=HASH, renewed="x")
    assert not await users.change_password(name, verified=HASH, renewed="x")
    assert await users.change_identifier(name, identifier="x", identifier_key="x") is Change.MISSING
    assert await users.change_roles(name, lambda roles: roles) is None


async def test_renews_a_hash_only_over_the_one_that_was_verified(users):
    user = a_user()
    await users.add(user)
    assert not await users.renew_hash(user.id, verified=HASH.swapcase(), renewed="new")
    assert not await users.renew_hash(user.id, verified=HASH + " x", renewed="new")
    assert await users.renew_hash(user.id, verified=HASH, renewed="new")
    assert not await users.renew_hash(user.id, verified=HASH, renewed="newer")
    assert (await users.by_id(user.id)).password_hash == "new"


async def test_renewing_a_hash_ends_no_session(users, sessions):
    user = a_user()
    session = a_session(user)
    await users.add(user)
    await sessions.start(session, verified_hash=None)
    await users.renew_hash(user.id, verified=HASH, renewed="new")
    assert await sessions.find_active(session.id)


async def test_a_new_password_ends_every_session_of_the_user_and_no_other(users, sessions):
    user, other = a_user("one"), a_user("two")
    mine, theirs = [a_session(user), a_session(user)], a_session(other)
    for somebody in (user, other):
        await users.add(somebody)
    for session in (*mine, theirs):
        assert await sessions.start(session, verified_hash=HASH)
    assert await users.change_password(user.id, verified=HASH, renewed="new")
    assert [await sessions.read(session.id) for session in mine] == [None, None]
    assert await sessions.find_active(theirs.id)
    assert (await users.by_id(user.id)).password_hash == "new"


async def test_a_password_that_changed_meanwhile_changes_nothing(users, sessions):
    user = a_user()
    session = a_session(user)
    await users.add(user)
    await sessions.start(session, verified_hash=HASH)
    assert not await users.change_password(user.id, verified=HASH.lower(), renewed="new")
    assert await sessions.find_active(session.id)
    assert (await users.by_id(user.id)).password_hash == HASH


async def test_changes_the_identifier(users):
    user = a_user("old")
    await users.add(user)
    change = await users.change_identifier(user.id, identifier="New \U0001f600", identifier_key="new \U0001f600")
    assert change is Change.DONE
    assert await users.by_key("new \U0001f600") == replace(
        user, identifier="New \U0001f600", identifier_key="new \U0001f600"
    )
    assert await users.by_key("old") is None
    assert await users.add(a_user("old"))


async def test_the_same_identifier_again_is_done_not_missing(users):
    """MySQL would report no changed row."""
    user = a_user("same", identifier="Same")
    await users.add(user)
    assert await users.change_identifier(user.id, identifier="Same", identifier_key="same") is Change.DONE
    assert await users.change_identifier(user.id, identifier="SAME", identifier_key="same") is Change.DONE


async def test_another_users_identifier_is_taken(users):
    user, other = a_user("one"), a_user("two")
    await users.add(user)
    await users.add(other)
    assert await users.change_identifier(user.id, identifier="two", identifier_key="two") is Change.TAKEN
    assert await users.by_id(user.id) == user
    assert await users.change_identifier(new_id(), identifier="x", identifier_key="x") is Change.MISSING


async def test_changes_roles(users):
    user = a_user(roles=("user",))
    await users.add(user)
    changed = await users.change_roles(user.id, lambda roles: (*roles, "admin"))
    assert changed == replace(user, roles=("user", "admin")) == await users.by_id(user.id)
    assert await users.change_roles(user.id, lambda roles: roles) == changed
    assert await users.change_roles(new_id(), lambda roles: roles) is None


async def test_a_decision_that_raises_changes_nothing(users):
    user = a_user()
    await users.add(user)

    def refuse(roles):
        raise LookupError("no such role")

    with pytest.raises(LookupError, match="no such role"):
        await users.change_roles(user.id, refuse)
    assert await users.by_id(user.id) == user
    assert await users.change_roles(user.id, lambda roles: ("admin",)) == replace(user, roles=("admin",))


async def test_concurrent_adds_of_one_key_have_one_winner(users):
    answers = await asyncio.gather(*(users.add(a_user("one")) for _ in range(20)))
    assert sum(answers) == 1


async def test_concurrent_changes_to_one_identifier_have_one_winner(users):
    everybody = [a_user(f"user {number}") for number in range(10)]
    for user in everybody:
        await users.add(user)
    changes = await asyncio.gather(
        *(users.change_identifier(user.id, identifier="One", identifier_key="one") for user in everybody)
    )
    assert sorted(change.value for change in changes) == ["done"] + ["taken"] * 9


async def test_no_concurrent_change_of_roles_is_lost(users):
    user = a_user(roles=())
    await users.add(user)
    await asyncio.gather(*(users.change_roles(user.id, lambda roles, name=f"r{n}": (*roles, name)) for n in range(20)))
    assert sorted((await users.by_id(user.id)).roles) == sorted(f"r{n}" for n in range(20))


async def test_concurrent_new_passwords_have_one_winner(users):
    user = a_user()
    await users.add(user)
    answers = await asyncio.gather(
        *(users.change_password(user.id, verified=HASH, renewed=f"new {n}") for n in range(10))
    )
    assert sum(answers) == 1
    assert (await users.by_id(user.id)).password_hash == f"new {answers.index(True)}"
