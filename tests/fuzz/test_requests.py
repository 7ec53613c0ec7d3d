"""Hostile requests, byte by byte: whatever is sent, nothing breaks, nothing opens, and nothing of it comes back."""

from __future__ import annotations

import logging
import re

import pytest
from aiohttp import web
from hypothesis import example, given

from sentri import SENTRI_ERROR_STATUS, SentriError
from sentri.web.envelope import failure
from sentri_testing.server import TestAuthServer
from tests.fuzz import hostile
from tests.fuzz.hostile import MARKER
from tests.fuzz.profiles import fuzzing
from tests.fuzz.serving import RunningAnything, RunningClient, RunningServer
from tests.fuzz.wire import Sent, exchange

BROWSERS = {
    "cookie": {"secure": False},
    "access_cookie": {"secure": False},
    "trusted_proxies": ["127.0.0.1"],
    "trusted_origins": ["https://shop.example"],
    "api_key": "an API key of more than thirty-two bytes",
}
ENVELOPE = {"error", "statusCode", "code", "message", "data"}
PUBLIC = ("/auth/keys", "/auth/openapi.json")


@pytest.fixture(scope="module")
def bearer():
    with RunningServer(TestAuthServer()) as running:
        yield running


@pytest.fixture(scope="module")
def browsers():
    with RunningServer(TestAuthServer(**BROWSERS)) as running:
        yield running


@pytest.fixture(scope="module")
def client_mode(bearer):
    with RunningClient(f"{bearer.url}/auth/keys", access_cookie={"secure": False}) as running:
        yield running


@pytest.fixture(params=["bearer", "browsers", "client_mode"])
def running(request):
    return request.getfixturevalue(request.param)


def assert_harmless(running, sent: Sent) -> None:
    """The invariants, of a request that shows nothing that anybody would accept."""
    running.records.clear()
    before = running.reached
    answers = exchange(running.address, sent)
    assert answers or not sent.is_framed, "there was no answer"
    assert len(answers) <= 2, "one request, and what hides behind it"
    for answer in answers:
        assert_refused_or_public(running, answer, sent)
    assert running.reached == before, "it got into a handler behind a guard"
    assert running.faults() == []


def assert_refused_or_public(running, answer, sent: Sent) -> None:
    said = answer.json if sent.method != "HEAD" else None
    if said is None and answer.status == 500 and fails_over_expect(running, sent):
        return
    assert answer.status < 500 or (answer.status, (said or {}).get("code")) == (503, "SERVICE_UNAVAILABLE")
    if said is None:
        assert_of_aiohttp(running, answer, sent)
        return
    named = f"{MARKER}: is not a field of this request.".encode()  # the name of a field, as the contract has it
    assert MARKER.encode() not in answer.body.replace(named, b""), "it was echoed"
    if said.keys() == ENVELOPE:
        assert said["error"] is True
        assert said["statusCode"] == answer.status == SENTRI_ERROR_STATUS.get(said["code"], answer.status)
        assert said["data"] is None
        assert answer.headers["cache-control"] == "no-store"
        assert ("www-authenticate" in answer.headers) == (answer.status == 401)
        assert "set-cookie" not in answer.headers or "Max-Age=0" in answer.headers["set-cookie"]
    else:
        assert_open_to_all(answer, said, sent)


def fails_over_expect(running, sent: Sent) -> bool:
    """Whether aiohttp itself fails, before any middleware: it quotes an `Expect` header that it does not know, and
    cannot where that has bytes outside ASCII. sentri's endpoints leave such headers alone.
    """
    if isinstance(running, RunningServer) and (sent.method, sent.target) in hostile.ENDPOINTS:
        return False
    return re.search(rb"\r\nExpect:[^\r]*[\x80-\xff]", sent.wire, re.IGNORECASE) is not None


def assert_open_to_all(answer, said, sent: Sent) -> None:
    """Keys, the description, and a logout without a token, which has nothing to do."""
    if said.get("message") == "Logged out.":
        assert said["data"] is None
        return
    assert answer.status == 200
    assert said.keys() in ({"keys"}, {"openapi", "info", "servers", "paths", "components"})


def assert_of_aiohttp(running, answer, sent: Sent) -> None:
    """What is no answer of sentri's: HTTP that cannot be read, and places where nothing of sentri's is."""
    if answer.status == 304 or (sent.method == "HEAD" and answer.status != 400):
        assert answer.body == b""
        return
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    is_own = isinstance(running, RunningServer) and sent.target.startswith("/auth/")
    assert answer.status in (400, 417) or not is_own, "inside the sub-application every error is an envelope"
    if is_own and answer.status == 417:
        assert (sent.method, sent.target) not in hostile.ENDPOINTS, (
            "an endpoint leaves expectations it does not know alone"
        )


@given(sent=hostile.requests())
@example(sent=Sent("POST", "/auth/login", [("Expect", MARKER), ("Content-Length", "0")]))
@example(sent=Sent("POST", "/auth/login", [("Expect", "100-continue"), ("Content-Length", "0")]))
@example(sent=Sent("POST", "/auth/login", [("Expect", f"{MARKER}\x80"), ("Content-Length", "0")]))
@example(sent=Sent("GET", "/profile", [("Expect", f"{MARKER}\x80")]))
@fuzzing(times=12)
def test_hostile_requests_break_nothing_and_open_nothing(running, sent):
    assert_harmless(running, sent)


# --- the checks themselves can fail


async def _echoes(request):
    return web.json_response({"error": True, "statusCode": 400, "message": request.query_string}, status=400)


async def _breaks(request):
    raise RuntimeError("on purpose")


async def _logs(request):
    logging.getLogger("sentri").error("on purpose")
    return failure(SentriError("NOT_FOUND", "Not Found."))


async def _opens(request):
    return web.json_response({"error": False, "statusCode": 200, "message": "Welcome.", "data": None})


@pytest.mark.parametrize("handler", [_echoes, _breaks, _logs, _opens])
def test_what_breaks_opens_or_echoes_is_noticed(handler):
    app = web.Application()
    app.router.add_get("/auth/me", handler)
    with RunningAnything(app) as running, pytest.raises(AssertionError):
        assert_harmless(running, Sent("GET", f"/auth/me?{MARKER}"))
