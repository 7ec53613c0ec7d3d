"""Cookies as they are configured: what browsers would drop without a word is refused when the object is made."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sentri import CookieConfig, SentriError, create_auth_server
from sentri.config.cookies import Cookie
from tests.unit.given import read, refusal

EITHER = pytest.mark.parametrize("option", ["cookie", "access_cookie"])


def test_there_are_no_cookies_by_default():
    assert read().cookie is None
    assert read().access_cookie is None
    assert read(cookie=None, access_cookie=None).cookie is None


@pytest.mark.parametrize("given", [{}, CookieConfig()])
def test_the_defaults_are_those_of_the_contract(given):
    options = read(cookie=given, access_cookie=given)
    rest = {"secure": True, "same_site": "Strict", "path": "/", "domain": None}
    assert options.cookie == Cookie(name="refresh_token", http_only=True, **rest)
    assert options.access_cookie == Cookie(name="access_token", http_only=False, **rest)


@EITHER
@pytest.mark.parametrize(
    "given",
    [
        {"name": "t"},
        {"name": "__Host-t", "path": "/"},
        {"name": "__Secure-t", "domain": "example.com", "path": "/auth"},
        {"http_only": True},
        {"secure": False},
        {"same_site": "Lax", "secure": False},
        {"same_site": "None"},
        {"path": "/a/b", "domain": ".example.com"},
        {"name": None, "http_only": None, "domain": None},
        {"name": "t", "http_only": True, "secure": True, "same_site": "Lax", "path": "/x", "domain": "localhost"},
    ],
)
def test_a_mapping_and_a_cookie_config_are_equal(option, given):
    cookie = getattr(read(**{option: given}), option)
    assert cookie == getattr(read(**{option: CookieConfig(**given)}), option)
    for name, value in given.items():
        assert getattr(cookie, name) == value or value is None


@EITHER
@pytest.mark.parametrize("value", ["strict", "STRICT", "Strict"])
def test_same_site_is_read_in_any_case(option, value):
    assert getattr(read(**{option: {"same_site": value}}), option).same_site == "Strict"


BAD = {
    "name": ["", " ", "a b", "a=b", "a;b", "a,b", 'a"b', "a\n", "\u00e9", "a/b", "(a)", "x" * 101, 1, b"t", True, ["t"],
             "path", "Domain", "max-age", "SameSite", "secure", "expires"],
    "http_only": [1, 0, "yes", "False", []],
    "secure": [1, 0, "no", "False", []],
    "same_site": ["", "strict ", "Relaxed", True, False, None, 1, ["Lax"], b"Lax", "unset"],
    "path": ["", "auth", "a/b", "/a;b", "/\u00e9", "/a\n", "/\x00", None, 1, b"/", "https://example.com/"],
    "domain": ["", ".", "..example.com", "-example.com", "example.com.", "exa mple.com", "example.com:443", "a;b",
               "https://example.com", "example.com/x", "*.example.com", "b\u00fccher.example", "example.com\n", 1, b"x",
               "a..example.com", "a.-b.example"],
}  # fmt: skip


@EITHER
@pytest.mark.parametrize(
    ("name", "value"),
    [pytest.param(n, value, id=f"{n}-{i}") for n, values in BAD.items() for i, value in enumerate(values)],
)
def test_refuses(option, name, value):
    """By the option's name and the entry's; a mapping and a CookieConfig alike."""
    message = refusal(**{option: {name: value}})
    assert message.startswith(f"{option} has {name}=")
    assert repr(value) in message
    assert refusal(**{option: CookieConfig(**{name: value})}) == message


def test_every_entry_has_its_bad_values_here():
    assert set(BAD) == {field.name for field in fields(CookieConfig)}


@EITHER
@pytest.mark.parametrize("value", [True, False, "refresh_token", 1, b"x", [("name", "x")], object(), CookieConfig])
def test_refuses_what_is_no_configuration(option, value):
    message = refusal(**{option: value})
    assert message.startswith(f"{option} is a {type(value).__name__}; give a sentri.CookieConfig or a mapping")


@EITHER
@pytest.mark.parametrize(
    ("entry", "near"),
    [
        ("same_sight", "same_site"),
        ("httponly", "http_only"),
        ("http-only", "http_only"),
        ("Secure", "secure"),
        ("names", "name"),
    ],
)
def test_refuses_unknown_entries_with_the_nearest_right_name(option, entry, near):
    assert refusal(**{option: {entry: "x"}}) == f"{option} has an unknown entry {entry!r}; did you mean {near}?"


@EITHER
@pytest.mark.parametrize("entry", ["max_age", 1, None, "xyzzy"])
def test_refuses_unknown_entries_like_no_other(option, entry):
    assert refusal(**{option: {entry: "x"}}).startswith(f"{option} has an unknown entry {entry!r}")


CONTRADICTIONS = {
    "None without Secure": ({"same_site": "None", "secure": False}, "same_site='None' without secure"),
    "none without Secure": ({"same_site": "none", "secure": False}, "same_site='None' without secure"),
    "__Secure- without Secure": ({"name": "__Secure-t", "secure": False}, "without secure"),
    "__Host- without Secure": ({"name": "__Host-t", "secure": False}, "without secure"),
    "__host- without Secure": ({"name": "__hOsT-t", "secure": False}, "without secure"),
    "__Host- with a domain": ({"name": "__Host-t", "domain": "example.com"}, "no domain and only the path '/'"),
    "__Host- with a path": ({"name": "__Host-t", "path": "/auth"}, "no domain and only the path '/'"),
    "__host- with a path": ({"name": "__host-t", "path": "/auth"}, "no domain and only the path '/'"),
}


@EITHER
@pytest.mark.parametrize(("given", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_refuses_contradictions(option, given, said):
    """RFC 6265bis, sections 4.1.3 and 5.7."""
    message = refusal(**{option: given})
    assert message.startswith(f"{option} has ")
    assert said in message
    assert refusal(**{option: CookieConfig(**given)}) == message


@pytest.mark.parametrize("given", [{"http_only": False}, CookieConfig(http_only=False)])
def test_no_configuration_makes_a_refresh_token_readable_by_scripts(given):
    message = refusal(cookie=given)
    assert message.startswith("cookie has http_only=False")
    assert read(access_cookie=given).access_cookie.http_only is False


@pytest.mark.parametrize(
    ("cookie", "access_cookie"),
    [({"name": "t"}, {"name": "t"}), ({"name": "access_token"}, {}), ({}, CookieConfig(name="refresh_token"))],
)
def test_two_cookies_need_two_names(cookie, access_cookie):
    message = refusal(cookie=cookie, access_cookie=access_cookie)
    assert message.startswith("cookie and access_cookie both have the name")
    with pytest.raises(SentriError, match="both have the name"):  # another path makes no other cookie here
        read(cookie={"name": "t", "path": "/a"}, access_cookie={"name": "t", "path": "/b"})


def test_says_everything_that_is_wrong_at_once():
    message = refusal(
        cookie={"http_only": False}, access_cookie={"path": ""}, trusted_origins="x", trusted_proxies=["x"]
    )
    for name in ("cookie", "access_cookie", "trusted_origins", "trusted_proxies"):
        assert sum(part.startswith(f"{name} ") for part in message.split("; ")) == 1, name


def test_the_short_way_takes_cookies_too():
    with pytest.raises(SentriError, match="cookie has http_only=False"):
        create_auth_server(valid_roles=["user"], db="sqlite://:memory:", cookie={"http_only": False})


def test_what_the_host_changes_afterwards_changes_nothing():
    given = {"name": "t"}
    options = read(cookie=given)
    given["http_only"] = False
    assert options.cookie.http_only is True
    with pytest.raises(AttributeError):
        options.cookie.http_only = False
