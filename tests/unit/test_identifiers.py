"""What identifiers and passwords are taken: refusals by name. Properties are in tests/properties."""

from __future__ import annotations

import pytest

from sentri import SentriError
from sentri.accounts.identifiers import clean_identifier, identifier_key
from sentri.passwords.policy import PasswordPolicy

REFUSED = {
    "empty": "",
    "spaces": "   ",
    "256 characters": "a" * 256,
    "a control character": "a\tb",
    "a newline": "a\nb",
    "a NUL": "a\0b",
    "DEL": "a\x7fb",
    "a C1 control": "a\x85b",
    "a zero-width space": "a\u200bb",
    "a zero-width joiner": "a\u200db",
    "a soft hyphen": "a\u00adb",
    "a right-to-left override": "a\u202eb",
    "a byte order mark": "a\ufeffb",
    "a tag character": "a\U000e0041b",
    "a lone surrogate": "a\ud800b",
    "a private-use character": "a\ue000b",
    "a private-use plane": "a\U0010fffdb",
    "an unassigned character": "a\u0378b",
    "a non-character": "a\uffffb",
    "a no-break space": "a\u00a0b",
    "an em space": "a\u2003b",
    "an ideographic space": "a\u3000b",
    "a line separator": "a\u2028b",
    "a paragraph separator": "a\u2029b",
    "longer when normalised": "\ufdfa" * 20,
    "None": None,
    "a number": 1,
    "bytes": b"ann",
    "a list": ["ann"],
    "True": True,
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    with pytest.raises(SentriError) as refused:
        clean_identifier(REFUSED[name], "identifier")
    assert refused.value.code == "VALIDATION_ERROR"
    assert refused.value.message.startswith("identifier: ")
    assert (
        not isinstance(REFUSED[name], str) or REFUSED[name].strip() == "" or REFUSED[name] not in refused.value.message
    )


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [("ann", "ann"), ("  ann  ", "ann"), ("Ann Lee", "Ann Lee"), ("a" * 255, "a" * 255), ("ann@example.org",
        "ann@example.org"),
     ("Ünïcödé", "Ünïcödé"), ("李雷", "李雷"), ("😀", "😀"), ("x", "x"), ("\tann\n", "ann"), ("İ", "İ")],
)  # fmt: skip
def test_takes(given, cleaned):
    assert clean_identifier(given) == cleaned


SAME = [
    ("Ann", "ann"), ("ANN", "aNN"), ("straße", "STRASSE"), ("é", "e\u0301"), ("ﬁ", "fi"), ("\uff21nn", "ann"), ("Σ",
        "ς"), ("K", "k"),
    ("①", "1"), ("ǅ", "ǆ"), ("Å", "å"), ("\u0345", "\u03b9"),
]  # fmt: skip
DIFFERENT = [
    ("ann", "anne"),
    ("ann", "änn"),
    ("a b", "ab"),
    ("a b", "a  b"),
    ("l", "1"),
    ("o", "0"),
    ("\u0430", "a"),
    ("ann", "ann ."),
    ("\u0131", "i"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_one_key_for_what_people_take_for_the_same(one, two):
    assert identifier_key(one) == identifier_key(two)


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_two_keys_for_what_differs(one, two):
    assert identifier_key(one) != identifier_key(two)


@pytest.mark.parametrize("password", ["a" * 8, "a" * 72, "é" * 36, "        ", "\1" * 8, "😀" * 8], ids=ascii)
def test_takes_a_new_password(password):
    assert PasswordPolicy().check_new(password) == password


@pytest.mark.parametrize(
    "password", ["", "a" * 7, "😀" * 7, "a" * 73, "é" * 37, "\ud800" * 8, "a\0" * 4, None, 1, b"a" * 8], ids=ascii
)
def test_refuses_a_new_password(password):
    with pytest.raises(SentriError) as refused:
        PasswordPolicy().check_new(password, "newPassword")
    assert refused.value.code == "VALIDATION_ERROR"
    assert refused.value.message.startswith("newPassword: ")
    assert not password or not isinstance(password, str) or password not in refused.value.message


@pytest.mark.parametrize("password", ["", "a", "a" * 72])
def test_where_a_password_is_only_compared_there_is_no_minimum(password):
    assert PasswordPolicy().check(password) == password
