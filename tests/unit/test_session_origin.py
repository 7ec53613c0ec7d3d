"""Where a session comes from: shown on one line, and nothing that is not text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentri.session_origin import NOWHERE, SessionOrigin


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"),
        ("  a \t b\r\nc\x00d\x1b[31m ", "a b c d [31m"),
        ("right-to-left \u202e override", "right-to-left override"),
        ("\udcff lone", "lone"),
        ("x" * 5000, "x" * 255),
        ("\U0001f600" * 300, "\U0001f600" * 255),
        ("", None),
        ("\x00\n", None),
        (None, None),
        (b"bytes", None),
    ],
)
def test_a_device_is_text_on_one_line(device, shown):
    assert SessionOrigin.of(device, None).device == shown


@given(st.text(st.characters(codec=None, categories=None), max_size=400))
def test_whatever_a_user_agent_says_it_can_be_stored_and_shown(text):
    device = SessionOrigin.of(text, None).device
    if device is not None:
        assert 1 <= len(device) <= 255
        assert device.strip() == device
        assert not any(unicodedata.category(char)[0] == "C" for char in device)
        assert device.encode()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.1:80", None),
        ("localhost", None),
        ("192.0.2.1\n", None),
        ("", None),
        (None, None),
        (3221225985, None),
    ],
)
def test_an_address_is_one_or_none(address, shown):
    assert SessionOrigin.of(None, address).address == shown


def test_nothing_is_nowhere():
    assert SessionOrigin.of(None, None) == NOWHERE
