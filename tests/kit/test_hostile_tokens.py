"""The corpus, the factory, and the assertion that sends all of it: what is broken is caught by name."""

from __future__ import annotations

import base64
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sentri import SENTRI_ERROR_STATUS, SentriError, create_auth, create_auth_server, current_user
from sentri_testing import (
    HOSTILE_TOKENS,
    TestAuthServer,
    TokenFactory,
    assert_error,
    assert_route_refuses_hostile_tokens,
)


def application(auth) -> web.Application:
    app = web.Application()
    auth.setup(app)

    async def profile(request: web.Request) -> web.Response:
        return web.json_response(current_user(request).to_dict())

    app.router.add_get("/profile", auth.protect(profile))
    app.router.add_post("/profile", auth.protect(profile))
    app.router.add_get("/admin", auth.authorize("admin")(profile))
    app.router.add_get("/open", is_open)
    return app


async def is_open(_: web.Request) -> web.Response:
    return web.Response()


@pytest.fixture
async def client(sentri_auth_server):
    async with TestClient(TestServer(application(sentri_auth_server))) as client:
        yield client


# --- the corpus


def test_there_are_many_and_each_says_what_it_tries():
    assert len(HOSTILE_TOKENS) >= 200
    assert len({token.tries for token in HOSTILE_TOKENS.values()}) == len(HOSTILE_TOKENS)
    for name, token in HOSTILE_TOKENS.items():
        assert token.name == name
        assert token.source
        assert SENTRI_ERROR_STATUS[token.code] == 401


def test_they_show_no_key(sentri_clock):
    assert "build" not in repr(HOSTILE_TOKENS["alg none"])


# --- the factory


BAD = [
    "expired", "not_yet_valid", "wrong_key", "wrong_issuer", "wrong_audience", "unknown_kid", "alg_none",
    "hs_rs_confused", "tampered", "refresh_as_access",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_server_as_the_fixture_gives_it_refuses_each_of_them(sentri_auth_server, token_factory, name):
    assert await sentri_auth_server.authenticate(token_factory.valid())
    with pytest.raises(SentriError) as refused:
        await sentri_auth_server.authenticate(token_factory(name))
    assert refused.value.code == ("TOKEN_EXPIRED" if name == "expired" else "TOKEN_INVALID")


@pytest.mark.parametrize("name", BAD)
async def test_bad_tokens_by_name(fake_auth_server, token_factory, sentri_clock, name):
    auth = create_auth(
        mode="client", key_uri=fake_auth_server.key_uri, issuer=fake_auth_server.issuer, clock=sentri_clock
    )
    assert await auth.authenticate(token_factory.valid())
    with pytest.raises(SentriError) as refused:
        await auth.authenticate(getattr(token_factory, name)())
    assert refused.value.code == ("TOKEN_EXPIRED" if name == "expired" else "TOKEN_INVALID")
    spoken = name.replace("_", " ").replace("alg none", "alg=none")
    with pytest.raises(SentriError):
        await auth.authenticate(token_factory(spoken))
    await auth.close()


async def test_good_tokens_have_the_claims_that_are_given(fake_auth_server, token_factory, sentri_clock):
    async with create_auth(mode="client", key_uri=fake_auth_server.key_uri, clock=sentri_clock) as auth:
        user = await auth.authenticate(token_factory(roles=["admin"], identifier="ann"))
        assert (user.roles, user.identifier) == (("admin",), "ann")
        sentri_clock.advance("1h")
        fake_auth_server.rotate_keys()
        assert await auth.authenticate(token_factory.valid())


async def test_the_factory_of_a_server_has_a_session(sentri_auth_server):
    factory = await TokenFactory.of(sentri_auth_server)
    assert await sentri_auth_server.authenticate(factory.valid())


async def test_the_fixture_is_the_servers_where_that_is_all_there_is(sentri_auth_server, token_factory):
    assert await sentri_auth_server.authenticate(token_factory.valid())


async def test_a_wrong_name_gets_the_nearest_right_one(token_factory):
    with pytest.raises(LookupError, match="did you mean 'expired'"):
        token_factory("expird")
    with pytest.raises(AttributeError, match="did you mean 'tampered'"):
        token_factory.tamperd()
    assert {"valid", "alg none"} <= set(token_factory.names)


async def test_one_test_for_each(client, hostile_token, token_factory):
    if hostile_token.elliptic:
        pytest.skip("for servers that sign with ECDSA")
    response = await client.get("/profile", headers={"Authorization": f"Bearer {token_factory(hostile_token.name)}"})
    if response.status in (400, 431):  # more than aiohttp takes for a header
        return
    await assert_error(response, hostile_token.code)


# --- the assertion


@pytest.mark.parametrize("carriage", ["bearer", "cookie"])
@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
async def test_a_guarded_route_refuses_them_all(algorithm, carriage):
    auth = TestAuthServer(algorithm=algorithm, cookie={}, access_cookie={}, issuer="https://a.example", audience="shop")
    async with TestClient(TestServer(application(auth))) as client:
        await assert_route_refuses_hostile_tokens(client, "/profile", carriage=carriage)
        await assert_route_refuses_hostile_tokens(client, "/profile", method="POST", json={"a": 1}, carriage=carriage)


@pytest.mark.parametrize("options", [{}, {"key_encryption_secret": "k" * 40}, {"api_key": "a" * 40}])
async def test_whatever_the_applications_own_server_is(tmp_path, options):
    auth = create_auth_server(
        valid_roles=("user", "admin"), db=f"sqlite://{tmp_path}/auth.db", salt_rounds=10, **options
    )
    async with TestClient(TestServer(application(auth))) as client:
        await assert_route_refuses_hostile_tokens(client, "/admin", roles=["admin"])


@pytest.mark.parametrize("carriage", ["bearer", "cookie"])
async def test_client_mode_refuses_them_all(fake_auth_server, carriage):
    auth = create_auth(
        mode="client", key_uri=fake_auth_server.key_uri, issuer=fake_auth_server.issuer, access_cookie={}
    )
    async with TestClient(TestServer(application(auth))) as client:
        await assert_route_refuses_hostile_tokens(client, "/admin", roles=["admin"], carriage=carriage)


@pytest.mark.parametrize(("path", "more", "said"), [
    ("/open", {}, "gives 200 without a token, and not 401: no guard protects it"),
    ("/admin", {}, r"gives 403 to a good token. Give the roles that the route asks for: roles="),
    ("/nowhere", {}, "gives 404. There is no such route"),
    ("/admin", {"method": "PUT"}, "gives 405. The route is for another method"),
])  # fmt: skip
async def test_nothing_passes_because_nothing_gets_through(client, path, more, said):
    with pytest.raises(AssertionError, match=said):
        await assert_route_refuses_hostile_tokens(client, path, **more)


def _claims(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def _header(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))


BROKEN = {
    "decodes without verifying": (
        lambda token, _: _claims(token)["sub"],
        {"no signature", "claims changed after signing"},
    ),
    "accepts alg none": (lambda token, _: _header(token)["alg"].lower() == "none", {"alg none", "alg nOnE"}),
    "forgives what has expired": (lambda _, error: error.code == "TOKEN_EXPIRED", {"exp a second ago", "exp zero"}),
    "takes the public key for a secret": (
        lambda token, _: _header(token)["alg"] == "HS256",
        {"HS256 with the public key, form 0"},
    ),
    "does not look at typ": (lambda token, _: _header(token)["typ"] == "rt+jwt", {"typ of a refresh token"}),
    "takes nonsense for nobody, and goes on": (
        lambda token, _: token.count(".") != 2,
        {"one segment", "four segments"},
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
async def test_a_broken_verifier_is_caught_by_name(sentri_auth_server, mistake):
    accepts, caught = BROKEN[mistake]

    class Broken(TestAuthServer):
        async def authenticate(self, token):
            try:
                return await super().authenticate(token)
            except SentriError as error:
                try:
                    wrongly = accepts(token, error)
                except Exception:  # noqa: BLE001 - then this mistake does not let it in
                    wrongly = False
                if wrongly:
                    return (await super().accounts.start_session((await self.create_user()).id)).user
                raise

    async with TestClient(TestServer(application(Broken()))) as client:
        with pytest.raises(AssertionError) as failed:
            await assert_route_refuses_hostile_tokens(client, "/profile")
    for name in caught:
        assert f"  {name}: " in str(failed.value)
    assert "eyJ" not in str(failed.value)


async def test_an_error_of_the_server_is_no_refusal():
    class Failing(TestAuthServer):
        async def authenticate(self, token):
            if token.count(".") == 4:
                raise RecursionError
            return await super().authenticate(token)

    async with TestClient(TestServer(application(Failing()))) as client:
        with pytest.raises(AssertionError, match=r"five segments: .*got 500 in place of 401 TOKEN_INVALID"):
            await assert_route_refuses_hostile_tokens(client, "/profile")
