"""Origins and proxies that an application trusts: written as browsers write them, or refused."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from sentri.config.origins import origin_of
from tests.unit.given import read, refusal


def test_nothing_is_trusted_by_default():
    assert read().trusted_origins is None
    assert read().trusted_proxies is None
    assert read(trusted_origins=[], trusted_proxies=()).trusted_origins == frozenset()


ORIGINS = {
    "https://app.example.com": "https://app.example.com",
    "https://app.example.com/": "https://app.example.com",
    "https://app.example.com:443": "https://app.example.com",
    "https://app.example.com:8443": "https://app.example.com:8443",
    "HTTPS://App.Example.COM": "https://app.example.com",
    "http://localhost:3000": "http://localhost:3000",
    "http://localhost:80": "http://localhost",
    "http://localhost:443": "http://localhost:443",
    "http://127.0.0.1:3000": "http://127.0.0.1:3000",
    "https://[2001:DB8::1]:8443": "https://[2001:db8::1]:8443",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "https://my_app.example": "https://my_app.example",
}


@pytest.mark.parametrize(("given", "origin"), ORIGINS.items())
def test_takes_origins_and_writes_them_as_browsers_do(given, origin):
    assert read(trusted_origins=[given]).trusted_origins == {origin}
    assert read(trusted_origins=given).trusted_origins == {origin}, "one needs no list"


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_takes_them_in_any_collection(kind):
    origins = {"https://a.example", "https://b.example"}
    assert read(trusted_origins=kind(origins)).trusted_origins == origins
    assert set(read(trusted_proxies=kind(["10.0.0.0/8", "::1"])).trusted_proxies) == {
        ip_network("10.0.0.0/8"),
        ip_network("::1"),
    }


def test_takes_proxies_as_the_objects_of_ipaddress():
    given = [ip_network("10.0.0.0/8"), ip_address("::1"), "192.0.2.1"]
    assert set(read(trusted_proxies=given).trusted_proxies) == {
        ip_network("10.0.0.0/8"),
        ip_network("::1"),
        ip_network("192.0.2.1"),
    }


NO_ORIGINS = [
    "", "*", "null", "app.example.com", "//app.example.com", "https://", "https:///", "https:app.example.com",
    "https://*.example.com", "https://app.example.com/path", "https://app.example.com//", "https://app.example.com?x",
    "https://app.example.com#x", "https://user@app.example.com", "https://user:pass@app.example.com",
    "ftp://app.example.com", "file:///x", "chrome-extension://abc", "javascript:alert(1)", "https://a.example:port",
    "https://a.example:99999", "https://[::1", "https://a.example, https://b.example",
    "https://a.example https://b.example", " https://a.example", "https://a.example ", "https://a.example\n",
    "https://a.exam\tple", "https://a b.example", "https://a\\b", "https://b\u00fccher.example", "https://%41.example",
    "https://a;b", 'https://"a"', "https://a.example\x00", "https://a.example:\u0668\u0660",
]  # fmt: skip


@pytest.mark.parametrize("given", NO_ORIGINS)
def test_refuses_what_no_browser_would_send(given):
    """It would never match, or more than was meant."""
    message = refusal(trusted_origins=["https://good.example", given])
    assert message.startswith("trusted_origins ")
    assert repr(given) in message
    assert "https://app.example.com" in message, "it says how to write one"


NETWORKS = ["10.0.0.0/8", "10.1.2.3", "::1", "2001:db8::/32", "0.0.0.0/0", "192.0.2.0/255.255.255.0"]


@pytest.mark.parametrize("given", NETWORKS)
def test_takes_addresses_and_networks(given):
    assert read(trusted_proxies=[given]).trusted_proxies == (ip_network(given),)
    assert read(trusted_proxies=given).trusted_proxies == (ip_network(given),)


NO_NETWORKS = [
    "", "proxy", "10.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.256", "*", "10.*", "10.0.0.1:80", "[::1]", "::1/",
    " ::1",
    "10.0.0.1, 10.0.0.2", "loopback", "010.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("given", NO_NETWORKS)
def test_refuses_what_is_no_address(given):
    message = refusal(trusted_proxies=["10.0.0.1", given])
    assert message.startswith("trusted_proxies ")
    assert repr(given) in message


@pytest.mark.parametrize("option", ["trusted_origins", "trusted_proxies"])
@pytest.mark.parametrize("value", [1, True, b"x", {"a": "b"}, [1], [None], ["10.0.0.1", b"x"], [["x"]], object])
def test_refuses_what_is_no_collection_of_texts(option, value):
    message = refusal(**{option: value})
    assert message.startswith(f"{option} is {value!r}")


@pytest.mark.parametrize("url", ["https://x", "http://x:80", "https://x:1", "https://[::1]:2"])
def test_the_origin_of_an_origin_is_itself(url):
    origin = origin_of(url)
    assert origin is not None
    assert origin_of(origin) == origin


@pytest.mark.parametrize("url", ["", "null", "x", "ftp://x", "https://", "https://x:y", "http://[", "data:,x"])
def test_what_is_no_web_address_has_none(url):
    assert origin_of(url) is None
