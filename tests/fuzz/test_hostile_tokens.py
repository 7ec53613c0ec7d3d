"""Every hostile token of the kit, on every way into both modes: the endpoints, the guards and the middleware of a host,
the WebSocket handshake; in the header, in the cookie and in bodies.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, replace

import pytest

from sentri import TrustedIssuer
from sentri.clock import system_clock
from sentri_testing.hostile import HOSTILE_TOKENS
from sentri_testing.keys import TestKey
from sentri_testing.minting import Mint
from sentri_testing.server import TestAuthServer
from tests.fuzz.serving import GUARDED, RunningClient, RunningServer
from tests.fuzz.wire import Sent, exchange
from tests.unit.test_refresh_tokens import OF_ACCESS_TOKENS

COOKIES = {"cookie": {"secure": False}, "access_cookie": {"secure": False}}
PARTNER = "https://partner.example"
MOST_IN_A_HEADER = 8000  # characters: aiohttp reads no more, and says 400
MOST_IN_A_BODY = 64_000  # characters: more is 413
IN_A_COOKIE = re.compile(r"[A-Za-z0-9._=+/-]{1,8000}")
UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
)
JSON = ("Content-Type", "application/json")
HOST_ROUTES = [(*route, ()) for route in (*GUARDED, ("GET", "/inside/a/b"))] + [("GET", "/socket", UPGRADE)]
ENDPOINTS = [
    ("GET", "/auth/me", ()),
    ("POST", "/auth/logout-all", ()),
    ("PATCH", "/auth/me/identifier", (JSON,)),
    ("PATCH", "/auth/me/password", (JSON,)),
    ("POST", "/auth/users/00000000-0000-4000-8000-000000000000/roles", (JSON,)),
    ("PATCH", "/auth/me/identifier", (JSON, ("Idempotency-Key", "k"))),
]


@dataclass(frozen=True)
class Attack:
    """A victim's session, whose token is varied.

    Attributes:
        mint: has the very key of the server under attack.
        good: the victim's own token, to see whether they are still there.
    """

    mint: Mint
    good: str

    def tokens(self, *, leave_out: tuple[str, ...] = (), in_bodies: bool = False):
        """Every token that can be sent, made at this moment, with what it is to be refused with."""
        for token in HOSTILE_TOKENS.values():
            if not token.is_for(self.mint.algorithm) or any(token.name.startswith(name) for name in leave_out):
                continue
            text = token.build(replace(self.mint, now=system_clock()))
            if token.travels or (in_bodies and isinstance(text, str)):
                yield token.name, text, token.code


def attack_on(running):
    pair = running.tokens_of(running.admin)
    key = TestKey(running.auth.signing_key)
    return Attack(Mint.of(pair.access_token, key, system_clock()), pair.access_token)


def attack_on_refresh(running):
    pair = running.tokens_of(running.admin)
    key = TestKey(running.auth.signing_key.refresh_key())
    return Attack(Mint.of(pair.refresh_token, key, system_clock()), pair.access_token), pair


@pytest.fixture(scope="module")
def server():
    with RunningServer(TestAuthServer(rate_limit=False)) as running:
        yield running
    assert running.faults() == []


@pytest.fixture(scope="module")
def browsers():
    with RunningServer(TestAuthServer(rate_limit=False, **COOKIES)) as running:
        yield running
    assert running.faults() == []


@pytest.fixture(scope="module")
def partner():
    with RunningServer(TestAuthServer(rate_limit=False, issuer=PARTNER)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server, partner):
    trusted = TrustedIssuer(PARTNER, f"{partner.url}/auth/keys", roles=["user", "admin"])
    options = {"issuer": None, "trusted_issuers": [trusted], "leeway": 0, "access_cookie": {"secure": False}}
    with RunningClient(f"{server.url}/auth/keys", **options) as running:
        yield running
    assert running.faults() == []


def sent_by(running, method, target, headers, body=b""):
    length = [("Content-Length", str(len(body)))] if body else []
    (answer,) = exchange(running.address, Sent(method, target, [*headers, *length], body))
    return answer


def in_header(token):
    return [("Authorization", f"Bearer {token}".encode("utf-8", "surrogateescape"))]


def in_cookie(token, name="access_token"):
    return [("Cookie", f"{name}={token}"), ("Sec-Fetch-Site", "same-origin")]


def assert_is_in(running, carried):
    """The good token is let in: what is refused here is refused for itself."""
    assert sent_by(running, "GET", "/profile", carried).status == 200


def refused(running, route, attack, carry):
    """What was not refused as it should be, and how many were tried."""
    method, target, headers = route
    before, wrong, tried = running.reached, [], 0
    for name, token, code in attack.tokens():
        if carry is in_cookie and not IN_A_COOKIE.fullmatch(token):
            continue
        answer = sent_by(running, method, target, [*carry(token), *headers])
        tried += 1
        if len(token) > MOST_IN_A_HEADER and answer.status == 400:
            continue
        said = answer.json or {}
        if (answer.status, said.get("code"), running.reached) != (401, code, before):
            wrong.append((name, answer.status, said.get("code")))
    return wrong, tried


@pytest.mark.parametrize("route", [*ENDPOINTS, *HOST_ROUTES], ids=lambda route: f"{route[0]} {route[1]}")
def test_server_mode_refuses_them_in_the_header(server, route):
    attack = attack_on(server)
    wrong, tried = refused(server, route, attack, in_header)
    assert wrong == []
    assert tried > 200
    assert_is_in(server, in_header(attack.good))


@pytest.mark.parametrize("route", [*ENDPOINTS[:1], *HOST_ROUTES], ids=lambda route: f"{route[0]} {route[1]}")
def test_server_mode_refuses_them_in_the_cookie(browsers, route):
    attack = attack_on(browsers)
    wrong, tried = refused(browsers, route, attack, in_cookie)
    assert wrong == []
    assert tried > 150
    assert_is_in(browsers, in_cookie(attack.good))


@pytest.mark.parametrize("route", HOST_ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
@pytest.mark.parametrize("carry", [in_header, in_cookie])
@pytest.mark.parametrize("issuer", ["server", "partner"])
def test_client_mode_refuses_them_of_its_own_and_of_trusted_issuers(client, issuer, carry, route, request):
    attack = attack_on(request.getfixturevalue(issuer))
    assert_is_in(client, carry(attack.good))
    wrong, tried = refused(client, route, attack, carry)
    assert wrong == []
    assert tried > 150
    assert_is_in(client, carry(attack.good))


# --- refresh and logout: other tokens, other rules


def body_of(token):
    return json.dumps({"refreshToken": token}).encode()


def forged_for(running, *, in_bodies):
    """Tokens of both kinds that vary those of two sessions, each made when it is asked for: some are good soon.
    And the tokens of one of the sessions.
    """
    attack, pair = attack_on_refresh(running)
    of_refresh = attack.tokens(leave_out=OF_ACCESS_TOKENS, in_bodies=in_bodies)
    of_access = attack_on(running).tokens(in_bodies=in_bodies)
    fitting = (
        (name, token, code)
        for name, token, code in itertools.chain(of_refresh, of_access)
        if (len(token) < MOST_IN_A_BODY if in_bodies else IN_A_COOKIE.fullmatch(token))
    )
    return fitting, pair


def is_text(token):
    """Lone surrogates are no text: a body that has them is refused as such."""
    return not any("\ud800" <= character <= "\udfff" for character in token)


def test_refresh_refuses_them_and_leaves_the_session_alone(server):
    forged, pair = forged_for(server, in_bodies=True)
    for name, token, code in forged:
        answer = sent_by(server, "POST", "/auth/refresh", [JSON], body_of(token))
        # An expired access token is no refresh token at all.
        expected = {(401, code), (401, "TOKEN_INVALID")} if is_text(token) else {(400, "VALIDATION_ERROR")}
        assert (answer.status, answer.json["code"]) in expected, name
    assert_is_in(server, in_header(pair.access_token))
    assert sent_by(server, "POST", "/auth/refresh", [JSON], body_of(pair.refresh_token)).status == 200


def test_refresh_by_cookie_refuses_them_and_leaves_the_session_alone(browsers):
    forged, pair = forged_for(browsers, in_bodies=False)
    for name, token, _ in forged:
        answer = sent_by(browsers, "POST", "/auth/refresh", in_cookie(token, "refresh_token"))
        assert answer.status == 401, name
    assert_is_in(browsers, in_cookie(pair.access_token))
    assert sent_by(browsers, "POST", "/auth/refresh", in_cookie(pair.refresh_token, "refresh_token")).status == 200


# An expired token is authentic, and may log out.


def test_logout_refuses_them_and_ends_no_session(server):
    forged, pair = forged_for(server, in_bodies=True)
    for name, token, code in forged:
        if code == "TOKEN_INVALID" and is_text(token):
            answer = sent_by(server, "POST", "/auth/logout", [JSON], body_of(token))
            assert (answer.status, answer.json.get("code")) == (401, "TOKEN_INVALID"), name
    attack = attack_on(server)
    for name, token, code in attack.tokens():
        if code == "TOKEN_INVALID" and len(token) <= MOST_IN_A_HEADER:
            answer = sent_by(server, "POST", "/auth/logout", in_header(token))
            assert (answer.status, answer.json["code"]) == (401, "TOKEN_INVALID"), name
    assert_is_in(server, in_header(pair.access_token))
    assert_is_in(server, in_header(attack.good))


def test_logout_by_cookie_clears_them_and_ends_no_session(browsers):
    forged, pair = forged_for(browsers, in_bodies=False)
    for name, token, code in forged:
        if code == "TOKEN_INVALID":
            for cookie in ("access_token", "refresh_token"):
                assert sent_by(browsers, "POST", "/auth/logout", in_cookie(token, cookie)).status == 200, name
    assert_is_in(browsers, in_cookie(pair.access_token))


@pytest.mark.parametrize("in_bodies", [True, False])
def test_they_are_many(server, in_bodies):
    forged, _ = forged_for(server, in_bodies=in_bodies)
    assert len(list(forged)) > 250
