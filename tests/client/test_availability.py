"""Keys through outages and rotations, over HTTP; tests/unit/test_remote_keys.py has every rule by itself."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.support import assert_error


async def test_a_thousand_requests_at_once_are_one_fetch(start, issuer):
    issuer.answer = lambda request: asyncio.sleep(0.05, web.json_response(issuer.key_set()))
    service = await start(_without_prefetch)
    tokens = [issuer.token() for _ in range(50)]
    responses = await asyncio.gather(*(service.get(token) for token in tokens * 4))
    assert {response.status for response in responses} == {200}
    assert len(issuer.requests) == 1


def _without_prefetch(auth) -> web.Application:
    app = web.Application(middlewares=[auth.error_middleware()])

    @auth.protect
    async def profile(request: web.Request) -> web.Response:
        return web.json_response({})

    app.router.add_get("/profile", profile)
    return app


async def test_a_flood_of_invented_key_ids_is_one_fetch_in_thirty_seconds(service, issuer, timer):
    before = len(issuer.requests)
    for _ in range(3):
        responses = await asyncio.gather(*(service.get(issuer.token(kid=f"invented {n}")) for n in range(30)))
        for response in responses:
            await assert_error(response, 401, "TOKEN_INVALID")
    assert len(issuer.requests) == before + 1
    timer.advance(29.9)
    await service.get(issuer.token(kid="one more"))
    assert len(issuer.requests) == before + 1
    timer.advance(0.2)
    await service.get(issuer.token(kid="and another"))
    assert len(issuer.requests) == before + 2


async def test_a_new_key_is_found_with_its_first_token(service, issuer):
    assert (await service.get(issuer.token())).status == 200
    issuer.rotate()
    assert (await service.get(issuer.token())).status == 200


async def test_keys_survive_an_outage_until_max_stale(start, issuer, timer):
    service = await start(max_stale="2h")
    token = issuer.token(exp=4_000_000_000)
    assert (await service.get(token)).status == 200
    await issuer.go_down()
    timer.advance(301)
    assert (await service.get(token)).status == 200
    assert service.auth.keys.status().state == "stale"
    timer.advance(7100)
    assert (await service.get(token)).status == 200
    timer.advance(200)
    await assert_error(await service.get(token), 503, "KEYS_UNAVAILABLE")
    assert service.auth.keys.status().state == "unavailable"
    await issuer.come_back()
    timer.advance(61)
    assert (await service.get(token)).status == 200
    assert service.auth.keys.status().last_error is None


async def test_what_is_known_is_answered_and_what_is_not_is_503_in_an_outage(service, issuer):
    known = issuer.token()
    assert (await service.get(known)).status == 200
    issuer.rotate()
    await issuer.go_down()
    response = await service.get(issuer.token())
    await assert_error(response, 503, "KEYS_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) >= 1
    assert (await service.get(known)).status == 200
    await assert_error(await service.get(), 401, "UNAUTHORIZED")
    await assert_error(await service.get("rubbish"), 401, "TOKEN_INVALID")


async def test_a_leaked_key_that_was_taken_away_dies_with_the_next_fetch(service, issuer, timer):
    leaked = issuer.token(exp=4_000_000_000)
    assert (await service.get(leaked)).status == 200
    issuer.rotate(keep=False)
    timer.advance(301)
    await assert_error(await service.get(leaked), 401, "TOKEN_INVALID")


async def test_a_leaked_key_dies_with_the_first_token_of_the_new_one(service, issuer):
    leaked = issuer.token(exp=4_000_000_000)
    assert (await service.get(leaked)).status == 200
    issuer.rotate(keep=False)
    assert (await service.get(issuer.token())).status == 200
    await assert_error(await service.get(leaked), 401, "TOKEN_INVALID")


@pytest.mark.parametrize("cache_ttl", [60, 3600])
async def test_keys_are_fetched_anew_after_the_shorter_of_both_times(start, issuer, timer, cache_ttl):
    service = await start(cache_ttl=cache_ttl)
    shorter = min(cache_ttl, 300)
    for _ in range(3):
        fetched = len(issuer.requests)
        timer.advance(shorter * 0.7)
        assert (await service.get(issuer.token())).status == 200
        assert len(issuer.requests) == fetched
        timer.advance(shorter * 0.4)
        assert (await service.get(issuer.token())).status == 200
        assert len(issuer.requests) == fetched + 1


async def test_nobody_waits_for_a_refresh_ahead_of_time(service, issuer, timer):
    assert (await service.get(issuer.token())).status == 200
    waiting = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await waiting.wait()
        return web.json_response(issuer.key_set())

    issuer.answer = slow
    timer.advance(290)
    before = len(issuer.requests)
    for _ in range(20):
        assert (await service.get(issuer.token())).status == 200
    timer.advance(20)
    assert (await service.get(issuer.token())).status == 200, "the fetch that began in time is still under way"
    assert len(issuer.requests) == before + 1
    waiting.set()


async def test_an_application_that_starts_in_an_outage_becomes_ready_without_traffic(start, issuer, timer, caplog):
    """No request comes before the readiness probe is good, so none can cause the fetch."""
    await issuer.go_down()
    service = await start()
    assert service.auth.keys.status().state == "unavailable"
    await issuer.come_back()
    timer.advance(1)
    async with asyncio.timeout(10):
        while service.auth.keys.status().state != "fresh":  # noqa: ASYNC110 - it happens by itself
            await asyncio.sleep(0.05)
    assert [record.levelname for record in caplog.records if "keys.unreachable" in record.message] == ["WARNING"]


async def test_a_partner_that_is_down_keeps_nothing_from_being_ready(make_auth, issuer):
    partner = {"issuer": "https://partner.example", "key_uri": "http://127.0.0.1:1/keys"}
    auth = make_auth(trusted_issuers=[partner])
    await auth.prefetch()
    assert auth.keys.status().state == "fresh"
    assert auth.keys.status("https://partner.example").state == "unavailable"
