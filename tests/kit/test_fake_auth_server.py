"""The fake auth server against a real client: every fault gives the answer that the contract has for it."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
from aiohttp import ClientConnectorError, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from sentri import SentriError, TrustedIssuer, create_auth, current_user
from sentri_testing import ABSENT, FakeAuthServer, ManualClock, as_user, assert_error


@pytest.fixture
def make_client(fake_auth_server, sentri_clock):
    """Auth objects in client mode that trust the fake server."""

    def make(**options):
        given = {"key_uri": fake_auth_server.key_uri, "clock": sentri_clock, "timeout": 0.3}
        return create_auth(mode="client", **given | options)

    return make


async def code_of(work) -> str:
    with pytest.raises(SentriError) as refused:
        await work
    return refused.value.code


async def test_its_tokens_are_accepted(fake_auth_server, make_client):
    auth = make_client(issuer=fake_auth_server.issuer)
    user = await auth.authenticate(fake_auth_server.issue_token(["admin"], identifier="ann"))
    assert (user.identifier, user.roles, user.issuer) == ("ann", ("admin",), fake_auth_server.issuer)
    fake_auth_server.requests.assert_count("/auth/keys", 1)


async def test_claims_can_be_changed_and_left_out(fake_auth_server, make_client):
    auth = make_client()
    assert (await auth.authenticate(fake_auth_server.issue_token(identifier="bob", more=1))).identifier == "bob"
    for token in (
        fake_auth_server.issue_token(sub=ABSENT),
        fake_auth_server.issue_token(sid="no uuid"),
        fake_auth_server.issue_token(header={"typ": "JWT"}),
    ):
        assert await code_of(auth.authenticate(token)) == "TOKEN_INVALID"
    assert await code_of(auth.authenticate(fake_auth_server.issue_token(expires_in=-10))) == "TOKEN_EXPIRED"


async def test_refuses_a_string_for_roles(fake_auth_server):
    with pytest.raises(ValueError, match=r"\['admin'\]"):
        fake_auth_server.issue_token("admin")


@pytest.mark.parametrize("awaited", [True, False])
async def test_goes_down_and_comes_back_at_the_same_address(fake_auth_server, make_client, awaited):
    auth, address = make_client(), fake_auth_server.key_uri
    for _ in range(2):  # repeated
        down = fake_auth_server.go_down()
        if awaited:
            await down
    assert await code_of(auth.authenticate(fake_auth_server.issue_token())) == "KEYS_UNAVAILABLE"
    async with ClientSession() as session:
        with pytest.raises(ClientConnectorError):
            await session.get(address)
        for _ in range(2):
            up = fake_auth_server.come_back()
            if awaited:
                await up
        assert fake_auth_server.key_uri == address
        async with session.get(address) as response:
            assert response.status == 200


async def test_cuts_open_connections_when_it_goes_down(fake_auth_server):
    async with ClientSession() as session:
        async with session.get(fake_auth_server.key_uri) as response:
            await response.read()
        fake_auth_server.go_down()
        with pytest.raises(ClientConnectorError):
            await session.get(fake_auth_server.key_uri)


async def test_keys_that_are_known_survive_an_outage(fake_auth_server, make_client, sentri_clock):
    auth = make_client(max_stale="1h")
    token = fake_auth_server.issue_token(expires_in=10_000)
    await auth.authenticate(token)
    fake_auth_server.go_down()
    sentri_clock.advance("30m")
    assert await auth.authenticate(token)
    assert auth.keys.status().state == "stale"
    sentri_clock.advance("1h")
    assert await code_of(auth.authenticate(token)) == "KEYS_UNAVAILABLE"
    fake_auth_server.recover()
    sentri_clock.advance("2m")  # the wait between two tries
    assert await auth.authenticate(token)


FAULTS = {
    "fail": lambda server, **more: server.fail(503, **more),
    "garbage": lambda server, **more: server.serve_garbage(**more),
    "redirect": lambda server, **more: server.redirect(**more),
    "slow": lambda server, **more: server.slow(60, **more),
}


WAYS_BACK = {
    "recover": lambda server: server.recover(),
    "come back": lambda server: server.come_back(),
    "restart": lambda server: (server.go_down(), server.come_back()),
}


@pytest.mark.parametrize("way_back", WAYS_BACK)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lasting_fault_lasts_until_it_is_taken_back(
    fake_auth_server, make_client, sentri_clock, fault, way_back
):
    auth = make_client()
    await FAULTS[fault](fake_auth_server)
    for _ in range(2):
        assert await code_of(auth.authenticate(fake_auth_server.issue_token())) == "KEYS_UNAVAILABLE"
        sentri_clock.advance("2m")
    WAYS_BACK[way_back](fake_auth_server)
    assert await auth.authenticate(fake_auth_server.issue_token())


async def test_a_server_may_come_back_with_a_fault(fake_auth_server, make_client, sentri_clock):
    auth = make_client()
    fake_auth_server.go_down()
    fake_auth_server.fail(503)
    fake_auth_server.come_back()
    assert await code_of(auth.authenticate(fake_auth_server.issue_token())) == "KEYS_UNAVAILABLE"
    async with ClientSession() as session, session.get(fake_auth_server.key_uri) as response:
        assert response.status == 503


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_may_strike_once(fake_auth_server, make_client, sentri_clock, fault):
    auth = make_client()
    FAULTS[fault](fake_auth_server, times=1)
    assert await code_of(auth.authenticate(fake_auth_server.issue_token())) == "KEYS_UNAVAILABLE"
    sentri_clock.advance("2m")
    assert await auth.authenticate(fake_auth_server.issue_token())


async def test_a_fault_may_strike_one_path(fake_auth_server):
    fake_auth_server.fail(500, path="/auth/login")
    async with ClientSession() as session:
        async with session.get(fake_auth_server.key_uri) as response:
            assert response.status == 200
        async with session.post(f"{fake_auth_server.url}/auth/login", json={}) as response:
            assert response.status == 500


@pytest.mark.parametrize("wrong", [{"times": 0}, {"times": True}])
async def test_refuses_faults_that_never_strike(fake_auth_server, wrong):
    with pytest.raises(ValueError, match="times is"):
        fake_auth_server.fail(**wrong)
    with pytest.raises(ValueError, match="seconds is"):
        fake_auth_server.slow(-1)


async def test_rotates_its_keys(fake_auth_server, make_client, sentri_clock):
    auth = make_client()
    before = fake_auth_server.issue_token()
    await auth.authenticate(before)
    fake_auth_server.rotate_keys()
    after = fake_auth_server.issue_token()
    assert await auth.authenticate(after)
    assert await auth.authenticate(before)
    assert len(auth.keys.status().key_ids) == 2

    fake_auth_server.rotate_keys(keep=False)
    sentri_clock.advance("31s")  # an unknown kid is looked for twice a minute at most
    assert await auth.authenticate(fake_auth_server.issue_token())
    assert await code_of(auth.authenticate(after)) == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["RS512", "ES256", "EdDSA"])
async def test_signs_with_any_published_algorithm(make_fake_auth_server, algorithm):
    server = await make_fake_auth_server(algorithm=algorithm)
    async with create_auth(mode="client", key_uri=server.key_uri, clock=server.clock) as auth:
        assert await auth.authenticate(server.issue_token())


def test_refuses_an_algorithm_without_public_keys():
    with pytest.raises(ValueError, match="HS256 has no keys that could be published"):
        FakeAuthServer(algorithm="HS256")


async def test_several_issuers_run_at_once(fake_auth_server, make_fake_auth_server, make_client):
    partner = await make_fake_auth_server(issuer="https://partner.example", audience="shop", roles=("buyer", "admin"))
    assert partner.url != fake_auth_server.url
    auth = make_client(
        issuer=fake_auth_server.issuer,
        trusted_issuers=[TrustedIssuer(partner.issuer, partner.key_uri, "shop", roles=("buyer",))],
    )
    user = await auth.authenticate(partner.issue_token(["buyer", "admin"]))
    assert (user.issuer, user.roles) == ("https://partner.example", ("buyer",))
    assert (await auth.authenticate(fake_auth_server.issue_token())).issuer == fake_auth_server.issuer
    stolen = fake_auth_server.issue_token(iss=partner.issuer, aud="shop")
    assert await code_of(auth.authenticate(stolen)) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "place", ["/.well-known/oauth-authorization-server/auth", "/.well-known/openid-configuration",
              "/auth/.well-known/openid-configuration"]
)  # fmt: skip
async def test_publishes_metadata(fake_auth_server, place):
    async with ClientSession() as session, session.get(fake_auth_server.url + place) as response:
        said = await response.json()
    assert (said["issuer"], said["jwks_uri"]) == (fake_auth_server.issuer, fake_auth_server.key_uri)


async def test_logs_people_in_as_a_real_server_does(fake_auth_server, make_client, sentri_clock):
    await fake_auth_server.add_user("ann", roles=["admin"])
    auth = make_client()
    app = web.Application()
    auth.setup(app)

    @auth.authorize("admin")
    async def admin(request: web.Request) -> web.Response:
        return web.json_response(current_user(request).to_dict())

    app.router.add_get("/admin", admin)
    base = f"{fake_auth_server.url}/auth"
    async with ClientSession() as browser, TestClient(TestServer(app)) as service:
        said = {"identifier": "ann", "password": "correct horse"}
        first = (await (await browser.post(f"{base}/login", json=said)).json())["data"]
        bearer = {"Authorization": f"Bearer {first['accessToken']}"}
        assert (await service.get("/admin", headers=bearer)).status == 200

        async def refresh(token):
            return await browser.post(f"{base}/refresh", json={"refreshToken": token})

        fake_auth_server.rotate_keys()  # a session outlives the key of its tokens
        second = (await (await refresh(first["refreshToken"])).json())["data"]
        assert second["refreshToken"] != first["refreshToken"]
        sentri_clock.advance("2m")
        await assert_error(await refresh(first["refreshToken"]), "TOKEN_INVALID")  # reuse ends the session
        assert (await refresh(second["refreshToken"])).status == 401


async def test_as_user_gets_its_tokens(fake_auth_server, make_client):
    auth = make_client()
    app = web.Application()
    auth.setup(app)

    @auth.protect
    async def profile(request: web.Request) -> web.Response:
        return web.json_response(current_user(request).to_dict())

    app.router.add_get("/profile", profile)
    async with TestClient(TestServer(app)) as client:
        ann = await as_user(client, identifier="ann")
        assert (await (await ann.get("/profile")).json())["identifier"] == "ann"


async def test_its_log_says_what_came(fake_auth_server):
    fake_auth_server.requests.assert_none()
    async with ClientSession() as session:
        await session.get(f"{fake_auth_server.key_uri}?a=1", headers={"X-Secret": "s3cret"})
    (asked,) = fake_auth_server.requests.to("/auth/keys")
    assert (asked.method, asked.headers["x-secret"]) == ("GET", "s3cret")
    assert "s3cret" not in repr(asked) + repr(fake_auth_server.requests)
    with pytest.raises(AssertionError, match=r"2 requests to /auth/keys were expected, 1 came.*GET /auth/keys"):
        fake_auth_server.requests.assert_count("/auth/keys", 2)
    with pytest.raises(AssertionError, match="GET /auth/keys"):
        fake_auth_server.requests.assert_none()
    fake_auth_server.requests.clear()
    fake_auth_server.requests.assert_none()


async def test_a_start_that_fails_lets_go_of_the_port():
    server = FakeAuthServer(routes=[web.get("no slash", lambda _: None)])
    for _ in range(2):
        with pytest.raises(ValueError, match="path"):
            await server.start()
    gc.collect()  # a socket that is left open is a warning, and so an error


def test_has_no_address_before_it_starts():
    with pytest.raises(RuntimeError, match="before it is started"):
        FakeAuthServer().key_uri  # noqa: B018 - the look is the test


OUTSIDE = """
import asyncio, gc, logging
from sentri import create_auth
from sentri_testing import FakeAuthServer

logging.getLogger("sentri").addHandler(logging.NullHandler())
logging.getLogger("asyncio").setLevel(logging.ERROR)  # the development mode tells of slow callbacks

async def main():
    async with FakeAuthServer() as one, FakeAuthServer() as other:
        async with create_auth(mode="client", key_uri=one.key_uri) as auth:
            print((await auth.authenticate(one.issue_token(["admin"]))).roles)
        one.slow(60)
        asking = asyncio.ensure_future(create_auth(mode="client", key_uri=one.key_uri).prefetch())
        await asyncio.sleep(0.1)
        other.go_down()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

asyncio.run(main())
gc.collect()
"""


def test_works_outside_pytest_and_leaves_nothing_behind():
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", OUTSIDE],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "('admin',)\n", "")


async def test_its_clock_is_the_one_it_was_given():
    clock = ManualClock(1_900_000_000)
    async with (
        FakeAuthServer(clock=clock) as server,
        create_auth(mode="client", key_uri=server.key_uri, clock=clock) as auth,
    ):
        assert await auth.authenticate(server.issue_token())
