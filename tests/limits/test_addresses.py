"""Whose address it is: what trusted proxies say, and nothing that a client writes."""

from __future__ import annotations

import logging

import pytest
from aiohttp.test_utils import make_mocked_request

from sentri.config.origins import read_proxies
from sentri.web.client_address import Clients
from tests.limits.visiting import WRONG, assert_limited
from tests.support import assert_error, data_of

PROXIES = ["10.0.0.0/8", "fd00::/8"]


class Transport:
    def __init__(self, peer):
        self._peer = peer

    def get_extra_info(self, name, default=None):
        return self._peer if name == "peername" else default


def found(peer, headers=(), proxies=PROXIES):
    """The client's own address; None where it is everybody's."""
    trusted = None if proxies is None else read_proxies(proxies)
    transport = Transport((peer, 1) if peer is not None else "")
    request = make_mocked_request("POST", "/", headers=list(headers), transport=transport)
    return Clients(trusted, logger=logging.getLogger("sentri")).of(request).own


def forwarded(*values):
    return [("X-Forwarded-For", value) for value in values]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (forwarded("8.8.8.8"), "8.8.8.8"),
        (forwarded("1.1.1.1, 8.8.8.8"), "8.8.8.8"),
        (forwarded("8.8.8.8, 10.1.1.1"), "8.8.8.8"),
        (forwarded("1.1.1.1", "8.8.8.8, 10.1.1.1"), "8.8.8.8"),
        (forwarded("8.8.8.8:5000"), "8.8.8.8"),
        (forwarded("[2001:db8::1]:5000"), "2001:db8::/64"),
        (forwarded("2001:db8::1"), "2001:db8::/64"),
        (forwarded("::ffff:8.8.8.8"), "8.8.8.8"),
        (forwarded("10.1.1.1, 10.2.2.2"), "10.1.1.1"),  # all are proxies: the client is the first of them
        (forwarded("8.8.8.8, unknown"), None),
        (forwarded("8.8.8.8,"), None),
        (forwarded(""), None),
        ([], None),
        ([("Forwarded", 'for=1.1.1.1, for="8.8.8.8:1";proto=https')], "8.8.8.8"),
        ([("Forwarded", 'for="[2001:db8::1]"')], "2001:db8::/64"),
        ([("Forwarded", "for=_hidden")], None),
        ([*forwarded("8.8.8.8"), ("Forwarded", "for=8.8.8.8")], "8.8.8.8"),
        ([*forwarded("8.8.8.8"), ("Forwarded", "for=1.1.1.1")], "10.0.0.1"),  # one of them is the client's own claim
    ],
)
def test_is_read_from_the_right(headers, expected):
    assert found("10.0.0.1", headers) == expected


@pytest.mark.parametrize("peer", ["8.8.4.4", "::ffff:8.8.4.4"])
def test_nobody_else_is_believed(peer):
    assert found(peer, forwarded("1.1.1.1")) == "8.8.4.4"
    assert found(peer, forwarded("1.1.1.1"), None) == "8.8.4.4"


@pytest.mark.parametrize(
    "peer", ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "2002:c000:204::1", "198.18.0.1", "240.0.0.1"]
)
def test_an_address_is_shared_where_a_proxy_could_have_it_and_nowhere_else(peer):
    """Not what Python counts as not global, which changes from one version to the next: tunnels have clients too."""
    assert found(peer, (), None) is not None


@pytest.mark.parametrize(
    "peer",
    ["127.0.0.1", "::1", "10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "fe80::1%eth0", None],
)
def test_without_proxies_a_private_peer_is_nobodys_own(peer):
    assert found(peer, forwarded("1.1.1.1"), None) is None


def test_a_private_client_is_one_where_the_proxies_are_known():
    assert found("192.168.1.1") == "192.168.1.1"


async def test_behind_an_unknown_proxy_only_identifiers_are_limited_and_one_warning_says_so(make_api, caplog):
    api = await make_api(rate_limit={"max_address_attempts": 1, "max_register_attempts": 1})
    for number in range(3):
        await data_of(await api.post("/auth/register", {"identifier": f"u{number}", "password": "correct horse"}), 201)
        await assert_error(await api.login(f"u{number}", WRONG), 401, "INVALID_CREDENTIALS")
    for _ in range(4):
        await assert_error(await api.login("u0", WRONG), 401, "INVALID_CREDENTIALS")
    await assert_limited(await api.login("u0"))
    assert caplog.text.count("trusted_proxies") == 1


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login"])
async def test_a_header_of_the_clients_own_beside_that_of_the_proxy_opens_no_limit(visit, caplog, path):
    """Most proxies write `X-Forwarded-For`, and pass `Forwarded` on as it comes."""
    visitors = await visit({"max_address_attempts": 2, "max_register_attempts": 2})
    claims = ["1.1.1.1", "8.8.8.8", "unknown", "_hidden", '"[2001:db8::1]"']
    answers = [
        await visitors.send(path, {"identifier": claim, "password": WRONG}, headers={"Forwarded": f"for={claim}"})
        for claim in claims
    ]
    assert [answer.status == 429 for answer in answers] == [False] * 2 + [True] * 3
    assert caplog.text.count("name two addresses") == 1
    await data_of(await visitors.register("somebody else"), 201)
