"""`KnownAddresses`: the last ten, for 90 days, on every database."""

from __future__ import annotations

import asyncio

import pytest

from sentri.storage import Users
from sentri.storage.known_addresses import KnownAddresses
from tests.storage.samples import NOW, a_user

DAY = 86400


@pytest.fixture
async def ann(database):
    user = a_user()
    assert await Users(database).add(user)
    return user.id


@pytest.fixture
def addresses(database):
    return KnownAddresses(database)


def digest(number):
    return number.to_bytes(18, "big")


async def test_what_was_seen_is_known_for_90_days(addresses, ann):
    assert not await addresses.knows(ann, [digest(1)], now=NOW)
    await addresses.remember(ann, [digest(1)], now=NOW)
    assert await addresses.knows(ann, [digest(0), digest(1)], now=NOW + 90 * DAY - 1)
    assert not await addresses.knows(ann, [digest(1)], now=NOW + 90 * DAY)
    assert not await addresses.knows(ann, [digest(2)], now=NOW)


async def test_it_is_seen_again_once_a_day(addresses, ann):
    await addresses.remember(ann, [digest(1)], now=NOW)
    await addresses.remember(ann, [digest(1)], now=NOW + DAY - 1)
    assert not await addresses.knows(ann, [digest(1)], now=NOW + 90 * DAY)
    await addresses.remember(ann, [digest(1)], now=NOW + DAY)
    assert await addresses.knows(ann, [digest(1)], now=NOW + 90 * DAY)


async def test_the_last_ten_are_kept(addresses, ann):
    for number in range(12):
        await addresses.remember(ann, [digest(number)], now=NOW + number)
    assert [await addresses.knows(ann, [digest(n)], now=NOW + 20) for n in range(12)] == [False] * 2 + [True] * 10


async def test_an_earlier_secrets_digest_is_the_same_address(addresses, ann):
    await addresses.remember(ann, [digest(1)], now=NOW)
    await addresses.remember(ann, [digest(2), digest(1)], now=NOW)
    assert not await addresses.knows(ann, [digest(2)], now=NOW)


async def test_of_somebody_else_nothing_is_known(addresses, ann, database):
    bob = a_user("bob@example.com")
    assert await Users(database).add(bob)
    await addresses.remember(ann, [digest(1)], now=NOW)
    assert not await addresses.knows(bob.id, [digest(1)], now=NOW)
    assert not await addresses.knows("no id", [digest(1)], now=NOW)


async def test_logins_at_the_same_moment_are_one_address(addresses, ann):
    await asyncio.gather(*(addresses.remember(ann, [digest(1)], now=NOW) for _ in range(10)))
    assert await addresses.knows(ann, [digest(1)], now=NOW)
