"""The reports: whose tokens they trust, and what becomes of them when the auth server is in trouble."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer
from shop import reports

from sentri import create_auth
from sentri_testing import assert_all_routes_guarded, assert_error, assert_route_refuses_hostile_tokens


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_only_the_probes_are_open(service):
    assert_all_routes_guarded(service.app, public=["/health", "/ready"])
    await assert_error(await service.get("/reports"), "UNAUTHORIZED")
    await assert_error(await service.get("/nowhere"), "UNAUTHORIZED")
    assert [(await service.get(path)).status for path in ("/health", "/ready")] == [200, 200]


async def test_everybody_who_is_logged_in_has_reports(service, as_user, sentri_carriage):
    ann = await as_user(service, identifier="ann")
    assert ann.carriage == sentri_carriage
    assert (await (await ann.get("/reports")).json())["for"] == "ann"
    await assert_error(await ann.get("/reports/revenue"), "FORBIDDEN")


async def test_the_revenue_is_for_admins(service, as_user):
    boss = await as_user(service, roles=["admin"])
    assert (await boss.get("/reports/revenue")).status == 200


async def test_the_keys_are_fetched_once(service, as_user, fake_auth_server):
    for _ in range(5):
        await (await as_user(service)).get("/reports")
    fake_auth_server.requests.assert_count("/auth/keys", 1)


@pytest.mark.parametrize(
    "name", ["not_yet_valid", "wrong_key", "wrong_issuer", "wrong_audience", "unknown_kid", "alg_none",
             "hs_rs_confused", "tampered", "refresh_as_access"],
)  # fmt: skip
async def test_bad_tokens_are_refused(service, token_factory, name):
    await assert_error(await service.get("/reports", headers=bearer(token_factory(name))), "TOKEN_INVALID")
    assert (await service.get("/reports", headers=bearer(token_factory.valid()))).status == 200


@pytest.mark.parametrize(("path", "roles"), [("/reports", None), ("/reports/revenue", ["admin"])])
async def test_refuses_every_hostile_token(service, sentri_carriage, path, roles):
    await assert_route_refuses_hostile_tokens(service, path, roles=roles, carriage=sentri_carriage)


async def test_tokens_expire(service, fake_auth_server, sentri_clock):
    headers = bearer(fake_auth_server.issue_token(expires_in=600))
    assert (await service.get("/reports", headers=headers)).status == 200
    sentri_clock.advance("11m")
    await assert_error(await service.get("/reports", headers=headers), "TOKEN_EXPIRED")


async def test_a_rotation_is_noticed_by_nobody(service, fake_auth_server):
    before = bearer(fake_auth_server.issue_token())
    fake_auth_server.rotate_keys()
    after = bearer(fake_auth_server.issue_token())
    assert [(await service.get("/reports", headers=headers)).status for headers in (before, after)] == [200, 200]


async def test_an_outage_is_noticed_by_nobody(service, fake_auth_server, sentri_clock):
    headers = bearer(fake_auth_server.issue_token(expires_in=90_000))
    fake_auth_server.go_down()
    sentri_clock.advance("3h")
    assert (await service.get("/reports", headers=headers)).status == 200
    ready = await service.get("/ready")
    assert (ready.status, await ready.json()) == (200, {"keys": "stale"})


async def test_an_outage_of_days_is(service, fake_auth_server, sentri_clock):
    fake_auth_server.go_down()
    sentri_clock.advance("2d")
    headers = bearer(fake_auth_server.issue_token())
    await assert_error(await service.get("/reports", headers=headers), "KEYS_UNAVAILABLE")
    assert (await service.get("/ready")).status == 503
    fake_auth_server.come_back()
    sentri_clock.advance("1m")
    assert (await service.get("/reports", headers=headers)).status == 200


@pytest.mark.parametrize("trouble", ["go_down", "serve_garbage", "fail", "redirect", "slow"])
async def test_starts_without_the_auth_server(make_service, fake_auth_server, sentri_clock, trouble):
    getattr(fake_auth_server, trouble)(*([60] if trouble == "slow" else []))
    async with make_service(timeout=0.2) as service:
        headers = bearer(fake_auth_server.issue_token())
        await assert_error(await service.get("/reports", headers=headers), "KEYS_UNAVAILABLE")
        assert (await service.get("/health")).status == 200
        fake_auth_server.recover()
        sentri_clock.advance("1m")
        assert (await service.get("/reports", headers=headers)).status == 200


async def test_one_failed_fetch_is_made_up_for(make_service, fake_auth_server, sentri_clock):
    fake_auth_server.fail(503, times=1)
    async with make_service() as service:
        sentri_clock.advance("1m")
        assert (await service.get("/reports", headers=bearer(fake_auth_server.issue_token()))).status == 200


async def test_tokens_of_another_auth_server_are_refused(service, make_fake_auth_server, fake_auth_server):
    stranger = await make_fake_auth_server()
    token = stranger.issue_token(["admin"], iss=fake_auth_server.issuer)
    await assert_error(await service.get("/reports", headers=bearer(token)), "TOKEN_INVALID")


@pytest.mark.sentri(issuer="https://shop.example")
async def test_one_login_serves_both(shop, as_user, sentri_clock):
    auth = create_auth(
        mode="client", key_uri=str(shop.make_url("/auth/keys")), issuer="https://shop.example", clock=sentri_clock
    )
    async with TestClient(TestServer(reports.create_app(auth))) as service:
        boss = await as_user(shop, roles=["admin"])
        assert (await service.get("/reports/revenue", headers=bearer(boss.access_token))).status == 200
