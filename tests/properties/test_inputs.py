"""Identifiers, passwords, roles and durations, for all that can be drawn."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from enum import StrEnum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentri import SentriError
from sentri.accounts.identifiers import clean_identifier, identifier_key
from sentri.accounts.inputs import merged
from sentri.config.durations import seconds
from sentri.config.options import ServerOptions
from sentri.passwords.policy import PasswordPolicy
from tests.properties.strategies import PURE, identifiers, role_names, roles
from tests.support import SECRET

REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@PURE
@given(st.text(max_size=300))
@example("ß" * 255)
@example("\ufdfa" * 14)
@example(" \u00a0ann ")
def test_an_identifier_is_cleaned_once_or_refused(text):
    try:
        cleaned = clean_identifier(text)
    except SentriError as error:
        assert error.code == "VALIDATION_ERROR"  # noqa: PT017 - both ends are right
        assert len(text) < 3 or text not in error.message  # noqa: PT017 - both ends are right
        return
    assert clean_identifier(cleaned) == cleaned
    assert cleaned == text.strip()
    assert 1 <= len(cleaned) <= 255
    assert 1 <= len(identifier_key(cleaned)) <= 255
    assert not {unicodedata.category(char) for char in cleaned} & REFUSED
    assert all(char == " " for char in cleaned if char.isspace())


@PURE
@given(identifiers)
def test_whatever_people_take_for_the_same_has_one_key(identifier):
    """Case, composition and compatibility; and nothing is behind the key but the key."""
    key = identifier_key(identifier)
    nfkc = unicodedata.normalize("NFKC", identifier)
    for same in (
        nfkc,
        nfkc.casefold(),
        unicodedata.normalize("NFC", identifier),
        unicodedata.normalize("NFD", identifier),
    ):
        assert identifier_key(same) == key
    assert unicodedata.normalize("NFKC", key) == key


@PURE
@given(st.text(max_size=90))
def test_a_password_is_taken_as_it_is_or_refused(text):
    fits = len(text) >= 8 and len(text.encode(errors="surrogatepass")) <= 72
    fits = fits and not any(unicodedata.category(char) == "Cs" or char == "\0" for char in text)
    if fits:
        assert PasswordPolicy().check_new(text) == text
    else:
        with pytest.raises(SentriError, match="VALIDATION_ERROR"):
            PasswordPolicy().check_new(text)


@PURE
@given(roles, roles, roles)
def test_merging_roles_loses_none_repeats_none_and_keeps_their_order(one, two, three):
    both = merged(one, two)
    assert set(both) == {*one, *two}
    assert len(both) == len(set(both))
    assert both[: len(one)] == one
    assert merged(both, two) == merged(both, one) == both
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@PURE
@given(st.lists(role_names, unique=True, min_size=1, max_size=5))
def test_roles_mean_the_same_in_every_collection(names):
    members = StrEnum("Role", {f"r{number}": name for number, name in enumerate(names)})

    def read(value):
        return ServerOptions.read({"db": "sqlite://x", "secret": SECRET, "valid_roles": value}).valid_roles

    assert read(names) == read(tuple(names)) == read(members) == tuple(names)
    assert sorted(read(set(names))) == sorted(read(frozenset(members))) == sorted(names)


@PURE
@given(st.integers(0, 315_360_000), st.sampled_from("smhd"))
def test_a_duration_means_the_same_in_every_form(number, unit):
    whole = number // {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    length = timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[unit]: whole})
    total = length.total_seconds()
    assert seconds(f"{whole}{unit}") == seconds(length) == seconds(total) == seconds(int(total)) == total
