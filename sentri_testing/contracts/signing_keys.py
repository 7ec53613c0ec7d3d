"""What `sentri.keys.records.KeyStore` promises, as tests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

import pytest

from sentri.keys.records import KeyRecord, KeyStore

__all__ = ["KeyStoreContract"]

NOW: Final = 1_900_000_000.123456
RECORD: Final = KeyRecord(
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
REFRESH: Final = replace(RECORD, kid="refresh", purpose="refresh", public_key=None)


def key(generation: int, **changes: Any) -> KeyRecord:
    """A key that signs."""
    signing = replace(RECORD, kid=f"key {generation}", generation=generation, signs_at=NOW)
    return replace(signing, **changes)


class KeyStoreContract:
    """The promises of a store of signing keys. Subclass it in a test module and give it a fixture.

    `store`: an empty store.
    """

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def store(self) -> KeyStore:
        """To be overridden."""
        raise NotImplementedError("give the fixture `store`: the store that is tested")

    async def test_is_ready(self, store: KeyStore) -> None:
        assert await store.ready() is True
        assert list(await store.read(within=5)) == []

    async def test_what_is_written_comes_back_exactly(self, store: KeyStore) -> None:
        ended = key(2, retired_at=NOW + 0.000001, private_key=None)
        for record in (RECORD, REFRESH, ended):
            assert await store.add(record)
        assert await _kept(store) == {RECORD.kid: RECORD, "key 2": ended, "refresh": REFRESH}

    async def test_a_generation_and_a_kid_are_taken_once(self, store: KeyStore) -> None:
        assert await store.add(RECORD)
        assert not await store.add(replace(RECORD, kid="other"))
        assert not await store.add(replace(RECORD, generation=2))
        assert await store.add(replace(RECORD, generation=2, kid=RECORD.kid.swapcase()))  # by bytes
        assert await store.add(REFRESH)

    async def test_of_several_keys_all_are_added_or_none(self, store: KeyStore) -> None:
        assert await store.add(key(1), REFRESH)
        assert not await store.add(key(2), key(1, kid="late"))
        assert set(await _kept(store)) == {"key 1", "refresh"}

    async def test_of_ten_that_add_a_generation_one_does(self, store: KeyStore) -> None:
        added = await asyncio.gather(*(store.add(key(1, kid=f"key {n}")) for n in range(10)))
        assert sorted(added) == [False] * 9 + [True]

    async def test_replace_ends_the_key_and_what_waits_and_nothing_else(self, store: KeyStore) -> None:
        for record in (key(1), key(2), key(3, signs_at=NOW + 900), REFRESH):
            await store.add(record)
        successor = key(4, created_at=NOW + 10, signs_at=NOW + 10)
        assert await store.replace(key(2), successor, signing_since=NOW + 10) is True
        ended = {"retired_at": NOW + 10, "private_key": None}
        assert await _kept(store) == {
            "key 1": key(1),
            "key 2": key(2, **ended),
            "key 3": key(3, signs_at=NOW + 900, **ended),
            "key 4": successor,
            "refresh": REFRESH,
        }

    async def test_replace_does_nothing_where_the_key_was_ended_or_the_generation_is_taken(
        self, store: KeyStore
    ) -> None:
        await store.add(key(1))
        await store.add(key(2, signs_at=NOW + 900))
        before = await _kept(store)
        assert await store.replace(key(1), key(2, kid="late"), signing_since=NOW) is None
        assert await _kept(store) == before
        assert await store.replace(key(1), key(3), signing_since=NOW) is True
        before = await _kept(store)
        assert await store.replace(key(1), key(4), signing_since=NOW) is False
        assert await store.replace(key(1, kid="nobody"), key(4), signing_since=NOW) is False
        assert await _kept(store) == before

    async def test_of_ten_that_replace_a_key_one_does(self, store: KeyStore) -> None:
        await store.add(key(1))
        done = await asyncio.gather(
            *(store.replace(key(1), key(2, kid=f"new {n}"), signing_since=NOW) for n in range(10))
        )
        assert done.count(True) == 1
        found = await _kept(store)
        assert {kid: record.retired_at is None for kid, record in found.items()} == {
            "key 1": False,
            f"new {done.index(True)}": True,
        }

    async def test_a_key_is_withdrawn_once(self, store: KeyStore) -> None:
        await store.add(key(1))
        assert await store.withdraw("key 1", NOW + 5)
        assert not await store.withdraw("key 1", NOW + 6)
        assert await _kept(store) == {"key 1": key(1, retired_at=NOW + 5, private_key=None)}

    async def test_a_key_is_wiped_and_goes_on_being_there(self, store: KeyStore) -> None:
        await store.add(key(1), key(2))
        assert await store.wipe("key 1")
        assert await _kept(store) == {"key 1": key(1, private_key=None), "key 2": key(2)}

    async def test_a_key_without_a_private_part_is_forgotten(self, store: KeyStore) -> None:
        await store.add(key(1), key(2, private_key=None))
        assert not await store.forget("key 1")
        assert await store.forget("key 2")
        assert not await store.forget("key 2")
        assert await _kept(store) == {"key 1": key(1)}

    async def test_reencrypts_over_the_very_text_only(self, store: KeyStore) -> None:
        await store.add(key(1, private_key="before"))
        assert not await store.reencrypt("key 1", "Before", "after")
        assert await store.reencrypt("key 1", "before", "after")
        assert (await _kept(store))["key 1"].private_key == "after"
        await store.wipe("key 1")
        assert not await store.reencrypt("key 1", "after", "again")
        assert (await _kept(store))["key 1"].private_key is None

    async def test_a_lifetime_is_raised_and_never_lowered(self, store: KeyStore) -> None:
        await store.add(key(1))
        assert not await store.raise_lifetime("key 1", 900.5)
        assert not await store.raise_lifetime("key 1", 60)
        assert await store.raise_lifetime("key 1", 3600)
        assert await _kept(store) == {"key 1": key(1, token_lifetime=3600)}


async def _kept(store: KeyStore) -> dict[str, KeyRecord]:
    return {record.kid: record for record in await store.read()}
