"""`sentri_keys` on every database: what is written comes back, and one INSERT decides a race."""

import asyncio
from dataclasses import replace

import pytest

from sentri.keys.records import KeyRecord
from sentri.storage import SigningKeys

NOW = 1_900_000_000.123456
RECORD = KeyRecord(
    kid="Abc-_" + "x" * 59,
    purpose="access",
    generation=1,
    algorithm="RS256",
    public_key={"kty": "RSA", "n": "é" * 700, "e": "AQAB"},
    private_key="eyJ." + "Aa" * 4000,
    created_at=NOW,
    signs_at=NOW + 900.000001,
    retired_at=None,
    token_lifetime=900.5,
)
REFRESH = replace(RECORD, kid="refresh", purpose="refresh", public_key=None)


@pytest.fixture
def store(database):
    return SigningKeys(database)


def key(generation, **more):
    return replace(RECORD, **{"kid": f"key {generation}", "generation": generation, "signs_at": NOW} | more)


async def test_what_is_written_comes_back_exactly(store):
    ended = key(2, retired_at=NOW + 0.000001, private_key=None)
    for record in (RECORD, REFRESH, ended):
        assert await store.add(record)
    assert list(await store.read()) == [RECORD, ended, REFRESH]


async def test_a_generation_and_a_kid_are_taken_once(store):
    assert await store.add(RECORD)
    assert not await store.add(replace(RECORD, kid="other"))
    assert not await store.add(replace(RECORD, generation=2))
    assert await store.add(replace(RECORD, generation=2, kid=RECORD.kid.swapcase()))  # by bytes
    assert await store.add(REFRESH)


async def test_of_ten_that_add_a_generation_one_does(store):
    added = await asyncio.gather(*(store.add(key(1, kid=f"key {n}")) for n in range(10)))
    assert sorted(added) == [False] * 9 + [True]


async def test_replace_ends_the_key_and_what_waits_and_nothing_else(store):
    for record in (key(1), key(2), key(3, signs_at=NOW + 900), REFRESH):
        await store.add(record)
    successor = key(4, created_at=NOW + 10, signs_at=NOW + 10)
    assert await store.replace(key(2), successor, signing_since=NOW + 10) is True
    found = {r.kid: r for r in await store.read()}
    assert {kid: r.retired_at for kid, r in found.items()} == {
        "key 1": None, "key 2": NOW + 10, "key 3": NOW + 10, "key 4": None, "refresh": None,
    }  # fmt: skip
    assert [kid for kid, r in found.items() if r.private_key is None] == ["key 2", "key 3"]
    assert found["key 4"] == successor


async def test_replace_does_nothing_where_the_key_was_ended_or_the_generation_is_taken(store):
    await store.add(key(1))
    await store.add(key(2, signs_at=NOW + 900))
    before = await store.read()
    assert await store.replace(key(1), key(2, kid="late"), signing_since=NOW) is None
    assert await store.read() == before
    assert await store.replace(key(1), key(3), signing_since=NOW) is True
    before = await store.read()
    assert await store.replace(key(1), key(4), signing_since=NOW) is False
    assert await store.replace(key(1, kid="nobody"), key(4), signing_since=NOW) is False
    assert await store.read() == before


async def test_of_ten_that_replace_a_key_one_does(store):
    await store.add(key(1))
    done = await asyncio.gather(*(store.replace(key(1), key(2, kid=f"new {n}"), signing_since=NOW) for n in range(10)))
    assert done.count(True) == 1
    assert [r.retired_at is None for r in await store.read()] == [False, True]


async def test_a_key_is_withdrawn_once(store):
    await store.add(key(1))
    assert await store.withdraw("key 1", NOW + 5)
    assert not await store.withdraw("key 1", NOW + 6)
    (found,) = await store.read()
    assert (found.retired_at, found.private_key) == (NOW + 5, None)


async def test_reencrypts_over_the_very_text_only(store):
    await store.add(key(1, private_key="before"))
    assert not await store.reencrypt("key 1", "Before", "after")
    assert await store.reencrypt("key 1", "before", "after")
    await store.wipe("key 1")
    assert not await store.reencrypt("key 1", "after", "again")
    assert (await store.read())[0].private_key is None


async def test_a_lifetime_is_raised_and_never_lowered(store):
    await store.add(key(1))
    assert not await store.raise_lifetime("key 1", 900.5)
    assert not await store.raise_lifetime("key 1", 60)
    assert await store.raise_lifetime("key 1", 3600)
    assert (await store.read())[0].token_lifetime == 3600
