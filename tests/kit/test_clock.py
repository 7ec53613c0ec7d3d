"""One clock that is moved by hand moves everything that expires, in both modes, and nobody sleeps."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from sentri import SentriError, create_auth, create_auth_server, create_idempotency_middleware
from sentri_testing.clock import ManualClock
from tests.client.issuing import Issuer, running
from tests.support import serving


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def make_auth(clock):
    """Auth servers in memory that ask the clock."""
    opened = []

    async def make(**options):
        given = {
            "db": "sqlite://:memory:",
            "valid_roles": ("user",),
            "secret": secrets.token_urlsafe(48),
            "clock": clock,
        }
        auth = create_auth(**given | options)
        opened.append(await auth.__aenter__())
        await auth.migrate()
        return auth

    yield make
    for auth in opened:
        await auth.__aexit__(None, None, None)


async def _started(auth):
    user = await auth.accounts.register(identifier="ann", password="correct horse")
    return await auth.accounts.start_session(user.id)


async def _code(work) -> str:
    with pytest.raises(SentriError) as refused:
        await work
    return refused.value.code


# --- the clock


def test_stands_still_at_a_whole_second(clock):
    before = clock()
    assert before == clock() == clock.now
    assert before == int(before)
    assert abs(time.time() - before) < 5


@pytest.mark.parametrize("step", [90, 90.0, "90s", timedelta(seconds=90)])
def test_advances_by_any_duration(step):
    clock = ManualClock(1000)
    assert clock.advance(step) == clock() == 1090


@pytest.mark.parametrize("step", [-1, "-1s", "soon", None, True, float("nan"), timedelta(seconds=-1)])
def test_refuses_to_advance_by_what_is_no_duration(step):
    clock = ManualClock(1000)
    with pytest.raises(ValueError, match="advance: the duration is"):
        clock.advance(step)
    assert clock() == 1000


def test_moves_to_a_moment_even_an_earlier_one():
    clock = ManualClock(1000)
    assert clock.move_to(10) == clock() == 10
    assert clock.move_to(datetime(2030, 1, 1, tzinfo=UTC)) == 1_893_456_000
    assert ManualClock(datetime(2030, 1, 1, tzinfo=UTC))() == 1_893_456_000


@pytest.mark.parametrize("moment", [datetime(2030, 1, 1), float("inf"), True])  # noqa: DTZ001 - that is the point
def test_refuses_what_is_no_moment(moment):
    with pytest.raises(ValueError, match=r"time zone|no moment"):
        ManualClock(moment)


# --- the option


@pytest.mark.parametrize("clock", [None, 5, lambda moment: moment, lambda: "now", lambda: True, lambda: float("nan")])
def test_refuses_what_tells_no_time(clock):
    with pytest.raises(SentriError, match="clock ") as client:
        create_auth(mode="client", key_uri="https://auth.example.com/keys", clock=clock)
    with pytest.raises(SentriError, match="clock ") as server:
        create_auth_server(db="sqlite://:memory:", valid_roles=("user",), clock=clock)
    with pytest.raises(SentriError, match="clock ") as middleware:
        create_idempotency_middleware(clock=clock)
    assert {error.value.code for error in (client, server, middleware)} == {"CONFIGURATION_ERROR"}


def test_names_what_a_clock_raises():
    def broken() -> float:
        raise ZeroDivisionError

    with pytest.raises(SentriError, match="clock raises ZeroDivisionError"):
        create_idempotency_middleware(clock=broken)


# --- server mode


async def test_an_access_token_expires_to_the_second(make_auth, clock):
    auth = await make_auth(access_expires_in="15m")
    pair = await _started(auth)
    clock.advance("899s")
    assert (await auth.authenticate(pair.access_token)).identifier == "ann"
    clock.advance(1)
    assert await _code(auth.authenticate(pair.access_token)) == "TOKEN_EXPIRED"


async def test_a_refresh_token_expires(make_auth, clock):
    auth = await make_auth(refresh_expires_in="7d")
    pair = await _started(auth)
    clock.advance("7d")
    assert await _code(auth.accounts.refresh(refresh_token=pair.refresh_token)) in {"TOKEN_EXPIRED", "UNAUTHORIZED"}


async def test_a_session_ends_however_often_it_is_refreshed(make_auth, clock):
    auth = await make_auth(refresh_expires_in="7d", session_expires_in="20d", access_expires_in="15m")
    pair = await _started(auth)
    for _ in range(3):
        clock.advance("6d")
        pair = await auth.accounts.refresh(refresh_token=pair.refresh_token)
    clock.advance("2d")
    assert await _code(auth.accounts.refresh(refresh_token=pair.refresh_token)) in {"TOKEN_EXPIRED", "UNAUTHORIZED"}


async def test_the_leeway_of_a_spent_refresh_token_passes(make_auth, clock):
    auth = await make_auth(refresh_leeway="60s")
    first = await _started(auth)
    second = await auth.accounts.refresh(refresh_token=first.refresh_token)
    clock.advance(59)
    assert (await auth.accounts.refresh(refresh_token=first.refresh_token)).refresh_token == second.refresh_token
    clock.advance(1)
    assert await _code(auth.accounts.refresh(refresh_token=first.refresh_token)) == "TOKEN_INVALID"
    assert await _code(auth.authenticate(second.access_token)) == "UNAUTHORIZED"


async def test_keys_go_through_their_life(clock):
    auth = create_auth(
        db="sqlite://:memory:",
        valid_roles=("user",),
        algorithm="ES256",
        key_encryption_secret=secrets.token_urlsafe(32),
        clock=clock,
    )

    async def states() -> list[str]:
        return [key.state for key in await auth.keys.list() if key.purpose == "access"]

    async with auth:
        await auth.migrate()
        assert await states() == ["signing"]
        await auth.keys.rotate()
        assert await states() == ["signing", "upcoming"]
        signs_at = next(key.signs_at for key in await auth.keys.list() if key.state == "upcoming")
        clock.move_to(signs_at)
        assert await states() == ["retiring", "signing"]
        clock.advance("1h")
        assert await states() == ["retired", "signing"]


# --- client mode


async def test_cached_keys_grow_old(clock):
    async with (
        running(Issuer()) as (issuer,),
        create_auth(
            mode="client", key_uri=issuer.key_uri, clock=clock, cache_ttl="1h", max_stale="24h", leeway="5s"
        ) as auth,
    ):
        issuer.headers = {}
        token = issuer.token(iat=int(clock()), exp=int(clock()) + 10 * 86400)
        assert (await auth.authenticate(token)).identifier == "ann"
        assert len(issuer.requests) == 1
        clock.advance("30m")
        await auth.authenticate(token)
        assert len(issuer.requests) == 1
        clock.advance("31m")
        await auth.authenticate(token)
        assert len(issuer.requests) == 2
        await issuer.go_down()
        clock.advance("24h")
        assert (await auth.authenticate(token)).identifier == "ann"
        assert auth.keys.status().state == "stale"
        clock.advance("2h")
        assert await _code(auth.authenticate(token)) == "KEYS_UNAVAILABLE"


async def test_a_token_expires_after_the_leeway(clock):
    async with running(Issuer()) as (issuer,):
        token = issuer.token(iat=int(clock()), exp=int(clock()) + 60)
        auth = create_auth(mode="client", key_uri=issuer.key_uri, clock=clock, leeway="5s")
        clock.advance(64)
        await auth.authenticate(token)
        clock.advance(1)
        assert await _code(auth.authenticate(token)) == "TOKEN_EXPIRED"
        await auth.close()


# --- idempotency


@pytest.mark.parametrize("by_auth", [True, False])
async def test_a_kept_answer_is_forgotten_after_its_time(make_auth, clock, by_auth):
    runs = []

    async def pay(request: web.Request) -> web.Response:
        runs.append(request.path)
        return web.Response(text=str(len(runs)))

    app = web.Application()
    app.router.add_post("/pay", pay)
    if by_auth:
        auth = await make_auth()
        app.middlewares.append(auth.idempotency_middleware(ttl="5m"))
    else:
        app.middlewares.append(create_idempotency_middleware(ttl="5m", clock=clock))

    async with serving(app) as client:
        texts = []
        for step in (0, 299, 1):
            clock.advance(step)
            response = await client.post("/pay", headers={"Idempotency-Key": "one"})
            texts.append(await response.text())
    assert texts == ["1", "1", "2"]
