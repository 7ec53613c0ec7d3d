"""The states of a key, derived from times."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentri.keys.records import KeyRecord
from sentri.keys.timeline import KeyTimes, Timeline

TIMES = KeyTimes()
LIFETIME = 900.0


def key(generation: int, signs_at: float, **more) -> KeyRecord:
    fields = {
        "kid": f"key {generation}",
        "purpose": "access",
        "generation": generation,
        "algorithm": "ES256",
        "public_key": {},
        "private_key": "encrypted",
        "created_at": signs_at,
        "signs_at": signs_at,
        "retired_at": None,
        "token_lifetime": LIFETIME,
    }
    return KeyRecord(**fields | more)


def states(records, now, **more):
    line = Timeline(records, "access", TIMES, **more)
    return [line.state(record, now) for record in line.records]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (1000, ["signing", "upcoming"]),
        (1999.9, ["signing", "upcoming"]),
        (2000, ["retiring", "signing"]),
        (2000 + LIFETIME + TIMES.margin - 0.1, ["retiring", "signing"]),
        (2000 + LIFETIME + TIMES.margin, ["retired", "signing"]),
        (10**9, ["retired", "signing"]),
    ],
)
def test_a_rotation_goes_through_its_states_by_itself(now, expected):
    assert states([key(1, 0), key(2, 2000)], now) == expected


def test_the_only_key_signs_for_ever():
    line = Timeline([key(1, 0)], "access", TIMES)
    assert line.state(line.records[0], 10**9) == "signing"
    assert (line.info(line.records[0], 5).retires_at, line.info(line.records[0], 5).verifies_until) == (None, None)
    assert line.changes_after(5) == math.inf


def test_a_key_that_was_ended_is_refused_at_once_and_its_successor_signs():
    leaked = key(2, 2000, retired_at=2500.0, private_key=None)
    assert states([key(1, 0), leaked, key(3, 2500)], 2500) == ["retiring", "retired", "signing"]


def test_an_end_does_not_bring_an_older_key_back_to_life():
    """Its time was over when the leaked one began to sign, and its private part may be wiped."""
    leaked = key(2, 2000, retired_at=9000.0, private_key=None)
    assert states([key(1, 0), leaked, key(3, 9000)], 9000) == ["retired", "retired", "signing"]


def test_a_key_that_was_withdrawn_never_has_its_time():
    withdrawn = key(2, 2000, retired_at=1500.0, private_key=None)
    for now in (1500, 2000, 10**9):
        assert states([key(1, 0), withdrawn], now) == ["signing", "retired"]


def test_where_our_clock_runs_behind_a_first_key_signs_early():
    assert states([key(1, 100)], 40) == ["signing"]


def test_where_our_clock_runs_behind_the_successor_of_a_leaked_key_signs_early():
    assert states([key(1, 0, retired_at=100.0, private_key=None), key(2, 100)], 40) == ["retired", "signing"]


def test_keys_of_the_configuration_sign_until_the_first_kept_key_does():
    assert states([key(1, 900)], 0, waits=True) == ["upcoming"]
    assert states([key(1, 900)], 900, waits=True) == ["signing"]


def test_a_key_without_its_private_part_does_not_sign():
    """An operator's clock ran far ahead when they wiped what looked retired to them."""
    assert states([key(1, 0, private_key=None), key(2, 2000)], 1000)[1] == "signing"


def test_something_signs_whatever_happened():
    line = Timeline([key(1, 0), key(2, 100, retired_at=100.5, private_key=None)], "access", TIMES)
    assert line.signing(10**6) is line.records[0]


def test_keys_of_another_purpose_are_none_of_its_business():
    assert states([key(1, 0), key(2, 500, purpose="refresh")], 1000) == ["signing"]


# --- for any life: rotations, emergencies and withdrawals, in any order

STEPS = st.lists(st.tuples(st.sampled_from(["rotate", "leak", "withdraw"]), st.floats(1, 4000)), max_size=12)


def lived(steps):
    """The rows after each step, as `rotating` writes them, with the moment of that step."""
    records, now = [key(1, 0.0)], 0.0
    yield now, tuple(records)
    for step, pause in steps:
        now += pause
        line = Timeline(records, "access", TIMES)
        waiting, signing = line.upcoming(now), line.signing(now)
        if step == "withdraw" and waiting is not None and waiting.signs_at - now <= TIMES.margin:
            waiting = None  # too late, says `retire`
        ended = {"rotate": [], "leak": [signing, waiting], "withdraw": [waiting]}[step]
        records = [replace(r, retired_at=now, private_key=None) if r in ended else r for r in records]
        if step == "leak" or (step == "rotate" and waiting is None):
            begins = now + (TIMES.publish_for if step == "rotate" else 0)
            records.append(key(line.next_generation(), begins, created_at=now))
        yield now, tuple(records)


@given(STEPS, st.floats(0, 60000))
@settings(max_examples=300, deadline=None)
def test_exactly_one_key_signs_at_any_time(steps, later):
    for begun, records in lived(steps):
        line = Timeline(records, "access", TIMES)
        for now in (begun, begun + later):
            assert [line.state(r, now) for r in line.records].count("signing") == 1


@given(STEPS, st.floats(0, LIFETIME - 0.001))
@settings(max_examples=300, deadline=None)
def test_what_a_key_signed_verifies_until_it_expires_unless_somebody_ended_the_key(steps, age):
    for begun, records in lived(steps):
        line = Timeline(records, "access", TIMES)
        moments = [begun, *(r.signs_at - 0.001 for r in line.records if r.signs_at > begun)]
        for signed in moments:
            assert line.signing(signed) in line.verifying(signed + age)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_a_key_signs_in_order_only_after_clients_have_it(steps):
    for _, records in lived(steps):
        for earlier, successor in pairwise(r for r in records if r.retired_at is None):
            line = Timeline(records, "access", TIMES)
            if line.signing(successor.created_at) is earlier:
                assert successor.signs_at - successor.created_at >= 2 * TIMES.max_age + TIMES.notice


@given(STEPS, st.floats(0, 60000))
@settings(max_examples=300, deadline=None)
def test_nothing_changes_before_the_next_change(steps, later):
    *_, (begun, records) = lived(steps)
    line = Timeline(records, "access", TIMES)
    changes = line.changes_after(begun)
    now = begun + later if changes == math.inf else min(begun + later, math.nextafter(changes, 0))
    assert [line.state(r, now) for r in records] == [line.state(r, begun) for r in records]
    assert line.signing(now) is line.signing(begun)


@given(STEPS, st.floats(-30, 30), st.floats(-30, 30))
@settings(max_examples=300, deadline=None)
def test_no_token_is_refused_in_a_whole_life_though_clocks_differ_by_a_minute(steps, signer, verifier):
    """But those of a key that somebody ended."""
    tokens = []
    for now, records in lived(steps):
        line = Timeline(records, "access", TIMES)
        by_kid = {record.kid: record for record in line.records}
        good = {record.kid for record in line.verifying(now + verifier)}
        for kid, expires_at in tokens:
            assert now + verifier >= expires_at or by_kid[kid].retired_at is not None or kid in good
        for pause in (0, 870, 930):
            signing = line.signing(now + pause + signer)
            if all(now + pause < later for later, _ in lived(steps) if later > now):
                tokens.append((signing.kid, now + pause + signer + LIFETIME))
