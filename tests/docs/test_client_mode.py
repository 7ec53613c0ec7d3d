"""docs/client-mode.md: its examples run, and its table has every option with its default."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest
from aiohttp import WSMsgType, web

from sentri.client.auth import client_of_options
from sentri.clock import system_clock
from sentri.config.client_options import ClientOptions
from sentri_testing import ManualClock
from tests.client.issuing import Issuer, running
from tests.docs.pages import ROOT, block, blocks, executed
from tests.support import assert_error, serving

PAGE = "docs/client-mode.md"
URI = "https://auth.example.com/auth/keys"
CLAIMS = {"iss": "https://auth.example.com/auth", "aud": "shop"}


@pytest.fixture
async def issuer():
    async with running(Issuer()) as (one,):
        yield one


@pytest.fixture
def first(issuer) -> dict:
    """What the first block leaves, with the keys of the issuer."""
    return executed(blocks(PAGE)[0].replace(URI, issuer.key_uri))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_table_has_every_option():
    named = re.findall(r"^\| `(\w+)` \| (.*?) \|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert {name for name, _ in named} == set(ClientOptions.__dataclass_fields__)
    for name, default in named:
        if re.fullmatch(r'`"\w+"`', default):
            given = ClientOptions.read({"key_uri": URI, name: default.strip('`"')}, lambda _: [])
            assert given == ClientOptions.read({"key_uri": URI}, lambda _: []), name


async def test_the_application_runs(first, issuer):
    async with serving(first["app"]) as client:
        response = await client.get("/orders", headers=bearer(issuer.token(**CLAIMS)))
        assert await response.json() == {"of": "ann"}
        await assert_error(await client.get("/orders", headers=bearer(issuer.token())), 401, "TOKEN_INVALID")


async def test_by_hand(first, issuer):
    app = executed(block(PAGE, "middlewares="), **first)["app"]
    async with serving(app) as client:
        assert (await client.get("/orders", headers=bearer(issuer.token(**CLAIMS)))).status == 200
        await assert_error(await client.get("/orders"), 401, "UNAUTHORIZED")


async def test_ended_sessions_are_refused(first, issuer):
    made = executed(block(PAGE, "is_token_revoked=").replace(URI, issuer.key_uri), **first)
    session_id = str(uuid4())
    assert await made["auth"].authenticate(issuer.token(sid=session_id))
    made["ended"].add(session_id)
    with pytest.raises(first["SentriError"], match="ended"):
        await made["auth"].authenticate(issuer.token(sid=session_id))


async def test_a_service_that_started_in_an_outage_becomes_ready_by_itself(issuer):
    """Nobody asks it anything but the probe."""
    timer = ManualClock()
    auth = client_of_options({"key_uri": issuer.key_uri}, timer=timer)
    app = executed(block(PAGE, "async def ready"), auth=auth, web=web)["app"]
    await issuer.go_down()
    async with serving(app) as client:
        response = await client.get("/ready")
        assert (response.status, await response.json()) == (503, {"keys": "unavailable"})
        await issuer.come_back()
        timer.advance(1)
        async with asyncio.timeout(10):
            while (response := await client.get("/ready")).status == 503:  # noqa: ASYNC110 - by itself
                await asyncio.sleep(0.05)
        assert await response.json() == {"keys": "fresh"}
        await issuer.go_down()
        timer.advance(301)
        assert await (await client.get("/ready")).json() == {"keys": "stale"}


async def test_the_shared_cookie(first, issuer):
    made = executed(block(PAGE, "shared = ").replace(URI, issuer.key_uri), **first)
    app = web.Application()
    made["auth"].setup(app)
    app.router.add_post("/orders", made["auth"].protect(accept))
    async with serving(app) as client:
        for origin, status in (("https://www.example.com", 200), ("https://evil.example.com", 403)):
            headers = {"Cookie": f"access_token={issuer.token()}", "Origin": origin, "Sec-Fetch-Site": "same-site"}
            assert (await client.post("/orders", headers=headers)).status == status


async def accept(_: web.Request) -> web.Response:
    return web.Response()


async def test_the_socket_closes_when_the_token_has_expired(issuer):
    clock = ManualClock()
    auth = client_of_options({"key_uri": issuer.key_uri}, clock=clock)
    names = {"auth": auth, "web": web, "SentriError": executed(blocks(PAGE)[0])["SentriError"]}
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/prices", executed(block(PAGE, "async def prices"), **names)["prices"])
    async with serving(app) as client:
        token = issuer.token(exp=int(system_clock()) + 60)
        async with client.ws_connect("/prices", headers=bearer(token)) as socket:
            await socket.send_str("?")
            assert await socket.receive_json() == {"teapot": 3}
            clock.advance(64)
            await socket.send_str("?")
            assert await socket.receive_json() == {"teapot": 3}, "the leeway"
            clock.advance(2)
            await socket.send_str("?")
            assert (await socket.receive()).type is WSMsgType.CLOSE
            assert socket.close_code == 1008
