"""Schemathesis against GET /openapi.json: what the description says is what the server does, and nothing breaks it.

Every operation, with data that fits the description and data that does not, for callers of each kind, with all of its
checks: no 5xx, no status, header, media type or body that is not described, nothing open that should be closed, wrong
data refused, right data taken.
"""

from __future__ import annotations

import re

import pytest
import schemathesis
from hypothesis import strategies as st

from sentri.accounts.administration.pages import key_cursor, login_cursor
from sentri.accounts.identifiers import identifier_key
from sentri_testing.server import TestAuthServer
from sentri_testing.strategies import identifiers, passwords
from tests.fuzz.profiles import EXAMPLES, IS_LONG
from tests.fuzz.serving import RunningServer

SEED = 20260
BEARER = {"rate_limit": False}
COOKIES = {"cookie": {"secure": False}, "access_cookie": {"secure": False}, "rate_limit": False}

ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "422"]
"""How right data may be answered, 422 where an idempotency key was used for other data before. Without 429 and 5xx."""

schemathesis.openapi.format("sentri-identifier", identifiers())
schemathesis.openapi.format("password", passwords())
schemathesis.openapi.format("sentri-cursor", identifiers().map(identifier_key).map(key_cursor))
schemathesis.openapi.format(
    "sentri-login-cursor",
    st.builds(lambda instant, session_id: login_cursor(instant, str(session_id)), st.floats(0, 4e9), st.uuids()),
)

ONLY_A_FORMAT = re.compile(r"(- )?(\w+: )?violates `format` at \S+")


@schemathesis.hook
def filter_case(context, case):
    """Leave out what is said to be wrong for a format alone: schemathesis takes every text for a violation of formats
    that it does not know, such as the identifier of somebody who is there. tests/properties knows better. And what is
    no HTTP by its own headers, which aiohttp answers by itself: test_requests.py has such framings.
    """
    if {"transfer-encoding", "content-length"} & {name.lower() for name in case.headers or ()}:
        return False
    phase = case.meta.phase.data if case.meta is not None else None
    said = getattr(phase, "description", None)
    return said is None or not all(ONLY_A_FORMAT.fullmatch(line) for line in said.splitlines())


def described(options, **generation):
    """The description that such a server has, for tests that are made before it runs."""
    given = {"max-examples": EXAMPLES, "deterministic": not IS_LONG, "database": "none", **generation}
    seed = {} if IS_LONG else {"seed": SEED}
    checks = {"positive_data_acceptance": {"expected-statuses": ACCEPTED}}
    config = schemathesis.Config.from_dict({"generation": given, "checks": checks, **seed})
    return schemathesis.openapi.from_dict(TestAuthServer(**options).openapi(), config=config)


KEYED = {"api_key": "an API key of more than thirty-two bytes", "cookie": {"secure": False}}

bearer = described(BEARER)
bearer_signed_in = described(BEARER, **{"with-security-parameters": False})
cookies = described(COOKIES)
keyed = described(KEYED).include(path="/register")
keyed_signed_in = described(KEYED, **{"with-security-parameters": False}).include(path="/register")
cookies_signed_in = described(COOKIES, **{"with-security-parameters": False})


@pytest.fixture(scope="module")
def server():
    with RunningServer(TestAuthServer(**BEARER)) as running:
        yield running
    assert running.faults() == []


@pytest.fixture(scope="module")
def cookie_server():
    with RunningServer(TestAuthServer(**COOKIES)) as running:
        yield running
    assert running.faults() == []


@bearer.parametrize()
def test_strangers(case, server):
    case.call_and_validate(base_url=f"{server.url}/auth")


@bearer_signed_in.parametrize()
def test_users(case, server):
    token = server.tokens_of(server.user).access_token
    case.call_and_validate(base_url=f"{server.url}/auth", headers={"Authorization": f"Bearer {token}"})


@bearer_signed_in.parametrize()
def test_admins(case, server):
    token = server.tokens_of(server.admin).access_token
    case.call_and_validate(base_url=f"{server.url}/auth", headers={"Authorization": f"Bearer {token}"})


@cookies.parametrize()
def test_strangers_with_cookies(case, cookie_server):
    case.call_and_validate(base_url=f"{cookie_server.url}/auth")


@cookies_signed_in.parametrize()
def test_admins_with_cookies(case, cookie_server):
    pair = cookie_server.tokens_of(cookie_server.admin)
    shown = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
    case.call_and_validate(base_url=f"{cookie_server.url}/auth", cookies=shown)


@pytest.fixture(scope="module")
def keyed_server():
    with RunningServer(TestAuthServer(**KEYED)) as running:
        yield running
    assert running.faults() == []


@keyed.parametrize()
def test_strangers_without_an_api_key(case, keyed_server):
    case.call_and_validate(base_url=f"{keyed_server.url}/auth")


@keyed_signed_in.parametrize()
def test_holders_of_an_api_key(case, keyed_server):
    case.call_and_validate(base_url=f"{keyed_server.url}/auth", headers={"X-Api-Key": KEYED["api_key"]})
