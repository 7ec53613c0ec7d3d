"""Rows of keys that nobody needs any more are deleted, and nothing that anybody decides by changes with it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentri.keys.records import KeyRecord
from sentri.keys.timeline import KeyTimes, Timeline

DAY = 86400.0
YEAR = 365 * DAY
LIFETIME = 900.0
TIMES = KeyTimes()
START = 1_900_000_000.0


def record(generation, signs_at, *, retired_at=None, private="…", lifetime=LIFETIME):
    return KeyRecord(
        kid=f"key {generation}",
        purpose="access",
        generation=generation,
        algorithm="RS256",
        public_key=None,
        private_key=private,
        created_at=signs_at - TIMES.publish_for,
        signs_at=signs_at,
        retired_at=retired_at,
        token_lifetime=lifetime,
    )


def line(*records, waits=False):
    return Timeline(records, "access", TIMES, waits=waits)


def outlived(records, now):
    return [one.generation for one in line(*records).outlived(now)]


def test_a_key_that_left_in_its_order_goes_a_year_after_its_last_token():
    records = [record(1, START, private=None), record(2, START + DAY)]
    gone = START + DAY + 2 * (LIFETIME + TIMES.margin) + YEAR
    assert outlived(records, gone - 1) == []
    assert outlived(records, gone) == [1]


def test_a_key_that_was_ended_goes_a_year_after_its_tokens_would_have_expired():
    records = [record(1, START, retired_at=START + 5, private=None, lifetime=DAY), record(2, START + 5)]
    gone = START + 5 + DAY + TIMES.margin + YEAR
    assert outlived(records, gone - 1) == []
    assert outlived(records, gone) == [1]


def test_of_more_than_a_hundred_the_oldest_go_after_a_day():
    records = [record(n, START + n * 3600, private=None) for n in range(150)] + [record(150, START + 150 * 3600)]
    now = START + 150 * 3600
    assert outlived(records, now) == list(range(51))
    assert outlived(records, START + 48 * 3600) == list(range(23))  # and not those of the last day


def test_what_has_a_private_part_stays_and_all_after_it():
    records = [record(1, START), record(2, START + 1, private=None), record(3, START + 2)]
    assert outlived(records, START + 10 * YEAR) == []


def test_the_last_key_stays_whatever_became_of_it():
    records = [record(n, START + n, retired_at=START + 9, private=None) for n in (1, 2)]
    assert outlived(records, START + 10 * YEAR) == [1]


@st.composite
def histories(draw):
    """Keys one after the other, some of them ended, some before they signed; wiped where nobody needs them."""
    records, at = [], START
    for generation in range(1, draw(st.integers(2, 8))):
        at += draw(st.sampled_from([0.0, 60.0, LIFETIME, DAY, 100 * DAY, YEAR]))
        ended = draw(st.none() | st.sampled_from([-100.0, 0.0, 100.0, DAY]))
        retired = None if ended is None else at + ended
        records.append(record(generation, at, retired_at=retired, private=None if draw(st.booleans()) else "…"))
    return records, at + draw(st.sampled_from([0.0, DAY, YEAR, YEAR + DAY, 3 * YEAR]))


@given(histories(), st.booleans(), st.sampled_from([0.0, 1.0, 600.0, DAY, YEAR, 5 * YEAR]))
def test_whatever_follows_from_the_keys_follows_from_those_that_stay(history, waits, later):
    records, now = history
    before = line(*records, waits=waits)
    gone = before.outlived(now)
    after = line(*[one for one in records if one not in gone], waits=waits)
    assert after.records
    for then in (now, now + later):
        for answer in ("signing", "verifying", "upcoming", "begun"):
            assert getattr(after, answer)(then) == getattr(before, answer)(then), answer
        assert after.changes_after(then) == before.changes_after(then)
        assert after.changes_about(then) == before.changes_about(then)
    assert after.next_generation() == before.next_generation()
    for one in after.records:
        assert after.info(one, now) == before.info(one, now)
        assert math.isfinite(one.signs_at)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_running_server_forgets_them_and_goes_on(make_kept, clock, caplog):
    auth = make_kept(times=KeyTimes(notice=3600))  # its looks are made here
    async with auth:
        user = await auth.accounts.register("Ann", "correct horse")
        first = await auth.keys.rotate()
        for _ in range(40):
            clock.advance("30d")
            for _ in range(2):  # the second sees what the first has wiped
                await auth._keys._look()  # noqa: SLF001
            await auth.keys.rotate()
            pair = await auth.accounts.start_session(user.id)
            assert await auth.authenticate(pair.access_token)
        found = await auth.keys.list()
    assert first.kid not in {one.kid for one in found}
    assert 12 <= len(found) <= 17
    assert "is gone from the table" not in caplog.text
