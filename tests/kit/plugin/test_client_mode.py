"""Applications in client mode, tested with the fixtures alone."""

from __future__ import annotations

import pytest

from sentri_testing import HOSTILE_TOKENS

APP = """
import pytest_asyncio
import sentri
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sentri_testing import assert_error, assert_route_refuses_hostile_tokens

@sentri.protect
async def profile(request):
    return web.json_response(sentri.current_user(request).to_dict())

@sentri.authorize("admin")
async def admin(request):
    return web.Response()

async def is_open(request):
    return web.Response()

@pytest_asyncio.fixture
async def client(fake_auth_server, sentri_clock):
    auth = sentri.create_auth(
        mode="client", key_uri=fake_auth_server.key_uri, issuer=fake_auth_server.issuer, clock=sentri_clock
    )
    app = web.Application()
    auth.setup(app)
    app.add_routes([web.get("/profile", profile), web.get("/admin", admin), web.get("/open", is_open)])
    async with TestClient(TestServer(app)) as client:
        yield client
"""
ONE_MODE = pytest.mark.parametrize("mode", ["strict"], indirect=True)


@pytest.fixture
def run_app(run):
    return lambda module, **more: run(APP, module, **more)


def test_a_service_is_tested_with_security_on(run_app):
    result = run_app(
        """
        pytestmark = pytest.mark.asyncio

        async def test_admins_only(client, as_user):
            await assert_error(await client.get("/admin"), "UNAUTHORIZED")
            await assert_error(await (await as_user(client)).get("/admin"), "FORBIDDEN")
            boss = await as_user(client, roles=["admin"])
            assert (await boss.get("/admin")).status == 200

        async def test_outages_and_time(client, as_user, fake_auth_server, sentri_clock):
            headers = {"Authorization": "Bearer " + fake_auth_server.issue_token(expires_in=200_000)}
            assert (await client.get("/profile", headers=headers)).status == 200
            fake_auth_server.go_down()
            sentri_clock.advance("20h")
            assert (await client.get("/profile", headers=headers)).status == 200
            sentri_clock.advance("6h")
            await assert_error(await client.get("/profile", headers=headers), "KEYS_UNAVAILABLE")
            await fake_auth_server.come_back()
            fake_auth_server.rotate_keys()
            sentri_clock.advance("2m")
            ann = await as_user(client, identifier="ann")
            assert (await (await ann.get("/profile")).json())["identifier"] == "ann"

        async def test_tokens_by_name(client, token_factory):
            for name in ("expired", "tampered", "alg none", "kid unknown"):
                response = await client.get("/profile", headers={"Authorization": "Bearer " + token_factory(name)})
                await assert_error(response, "TOKEN_EXPIRED" if name == "expired" else "TOKEN_INVALID")

        async def test_several_issuers(make_fake_auth_server, fake_auth_server, sentri_clock):
            partner = await make_fake_auth_server(issuer="https://partner.example", audience="shop")
            trusted = sentri.TrustedIssuer(partner.issuer, partner.key_uri, "shop", roles=("user",))
            async with sentri.create_auth(
                mode="client", key_uri=fake_auth_server.key_uri, trusted_issuers=[trusted], clock=sentri_clock
            ) as auth:
                assert (await auth.authenticate(partner.issue_token())).issuer == partner.issuer
                assert (await auth.authenticate(fake_auth_server.issue_token())).roles == ("user",)
        """
    )
    result.assert_outcomes(passed=4)


@ONE_MODE
def test_every_hostile_token_is_a_test_that_can_fail(run_app):
    result = run_app(
        """
        @pytest.mark.asyncio
        async def test_refuses(client, hostile_token, token_factory):
            if not hostile_token.is_for("RS256"):
                return
            headers = {"Authorization": "Bearer " + token_factory(hostile_token.name)}
            response = await client.get("/profile", headers=headers)
            assert response.status in (400, 401)

        @pytest.mark.asyncio
        async def test_is_open(client, hostile_token, token_factory):
            headers = {"Authorization": "Bearer " + token_factory(hostile_token.name)}
            response = await client.get("/open", headers=headers)
            await assert_error(response, hostile_token.code)
        """,
        args=["-n", "2", "-q"],
    )
    outcomes = result.parseoutcomes()
    travelling = sum(token.travels for token in HOSTILE_TOKENS.values())
    assert outcomes == {"passed": travelling, "failed": travelling}
    result.stdout.fnmatch_lines_random(["FAILED *test_is_open?alg none?*", "FAILED *test_is_open?kid unknown?*"])
    assert "PRIVATE KEY" not in result.stdout.str()
    assert "eyJ" not in result.stdout.str().split("short test summary")[1]


@ONE_MODE
def test_the_assertion_says_what_to_do_and_shows_no_token(run_app):
    result = run_app(
        """
        pytestmark = pytest.mark.asyncio

        async def test_refuses_them_all(client):
            await assert_route_refuses_hostile_tokens(client, "/profile")
            await assert_route_refuses_hostile_tokens(client, "/admin", roles=["admin"])

        async def test_forgot_the_guard(client):
            await assert_route_refuses_hostile_tokens(client, "/open")

        async def test_forgot_the_roles(client):
            await assert_route_refuses_hostile_tokens(client, "/admin")

        async def test_expects_another_code(client, token_factory):
            response = await client.get("/profile", headers={"Authorization": "Bearer " + token_factory("expired")})
            await assert_error(response, "UNAUTHORIZED")
        """
    )
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "*GET /open gives 200 without a token, and not 401: no guard protects it.*",
            "*GET /admin gives 403 to a good token. Give the roles that the route asks for: roles=*",
            "*401 TOKEN_EXPIRED*",
        ]
    )
    assert "eyJ" not in result.stdout.str()
    assert "PRIVATE KEY" not in result.stdout.str()


@ONE_MODE
def test_a_wrong_name_is_an_error_with_the_right_one(run_app):
    result = run_app(
        """
        @pytest.mark.asyncio
        async def test_asks(client, token_factory):
            token_factory("tampred")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no token 'tampred'; did you mean 'tampered'?*"])
