"""Tokens that were verified are remembered: nothing that would refuse them is left out for that."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from joserfc import jws

from sentri import AuthClient, SentriError, create_auth, create_auth_server, current_user
from sentri.config.client_options import ClientOptions
from sentri.keys.keyring import KeyRing, Keys
from sentri.tokens.remembering import RememberedTokens
from sentri_testing import FakeAuthServer, KeyPool, TestAuthServer, assert_error


@pytest.fixture
def verifications(monkeypatch):
    """One entry for each signature that is verified."""
    seen = []

    def counted(*args, real=jws.validate_compact, **options):
        seen.append(args)
        return real(*args, **options)

    monkeypatch.setattr(jws, "validate_compact", counted)
    return seen


@pytest.fixture
async def service(fake_auth_server, sentri_clock):
    """A service in client mode, and its client."""
    async with TestClient(TestServer(application(client_of(fake_auth_server, sentri_clock)))) as client:
        yield client


def client_of(server, clock, **options):
    return create_auth(
        mode="client", key_uri=server.key_uri, issuer=server.issuer, audience="shop", clock=clock, leeway=0, **options
    )


@pytest.fixture
async def fake_auth_server(make_fake_auth_server):
    return await make_fake_auth_server(audience="shop")


def application(auth) -> web.Application:
    app = web.Application()
    auth.setup(app)

    async def profile(request: web.Request) -> web.Response:
        assert request["user"] is current_user(request)
        assert auth.get_current_access_token(request)
        return web.json_response(current_user(request).to_dict())

    app.router.add_get("/profile", auth.protect(profile))
    app.router.add_post("/profile", auth.protect(profile))
    app.router.add_get("/admin", auth.authorize("admin")(auth.protect(profile)))
    return app


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


# --- the memory


def letters(token, _):
    return len(token)


def test_is_bounded_by_count_the_oldest_goes():
    remembered = RememberedTokens(letters, most=3)
    for number in range(5):
        remembered.add(f"token {number}", number)
    assert [remembered.get(f"token {number}") for number in range(5)] == [None, None, 2, 3, 4]
    assert len(remembered) == 3


def test_is_bounded_by_bytes():
    remembered = RememberedTokens(letters, most_bytes=100_000)
    for number in range(50):
        remembered.add(f"{number}" + "x" * 8000, number)
    assert len(remembered) == 12
    assert remembered.get("49" + "x" * 8000) == 49


def test_counts_what_is_replaced_once():
    remembered = RememberedTokens(letters, most_bytes=15)
    for number in range(1000):
        remembered.add("the same", number)
    assert remembered.get("the same") == 999
    remembered.add("another", 1)
    assert len(remembered) == 2
    remembered.add("a third", 1)
    assert (len(remembered), remembered.get("the same")) == (2, None)


@pytest.mark.parametrize("odd", [None, b"bytes", ["a list"], {}, 1])
def test_knows_texts_alone(odd):
    remembered = RememberedTokens(letters)
    remembered.add(odd, 1)
    assert remembered.get(odd) is None
    assert len(remembered) == 0


def test_shows_no_token():
    remembered = RememberedTokens(letters)
    remembered.add("s3cret", "found")
    assert "s3cret" not in repr(remembered)
    assert "found" not in repr(remembered)


# --- client mode


async def test_verifies_a_token_once(service, fake_auth_server, verifications):
    token = fake_auth_server.issue_token(["admin"], identifier="ann")
    for path in ("/profile", "/admin", "/profile"):
        response = await service.get(path, headers=bearer(token))
        assert (await response.json())["identifier"] == "ann"
    assert (await service.post("/profile", headers=bearer(token))).status == 200
    assert len(verifications) == 1


async def test_verifies_every_other_token(service, fake_auth_server, verifications):
    for _ in range(3):
        assert (await service.get("/profile", headers=bearer(fake_auth_server.issue_token()))).status == 200
    assert len(verifications) == 3


async def test_roles_count_for_one_that_is_remembered(service, fake_auth_server):
    headers = bearer(fake_auth_server.issue_token())
    assert (await service.get("/profile", headers=headers)).status == 200
    for _ in range(2):
        await assert_error(await service.get("/admin", headers=headers), "FORBIDDEN")


async def test_expires_to_the_second(service, fake_auth_server, sentri_clock):
    headers = bearer(fake_auth_server.issue_token(expires_in=60))
    for _ in range(60):
        assert (await service.get("/profile", headers=headers)).status == 200
        sentri_clock.advance(1)
    await assert_error(await service.get("/profile", headers=headers), "TOKEN_EXPIRED")


async def test_is_from_the_future_again_when_the_clock_goes_back(service, fake_auth_server, sentri_clock):
    headers = bearer(fake_auth_server.issue_token(expires_in=100_000))
    assert (await service.get("/profile", headers=headers)).status == 200
    sentri_clock.move_to(sentri_clock.now - 61)
    await assert_error(await service.get("/profile", headers=headers), "TOKEN_INVALID")


async def test_is_gone_when_its_key_is_gone(service, fake_auth_server, sentri_clock):
    headers = bearer(fake_auth_server.issue_token(expires_in=100_000))
    assert (await service.get("/profile", headers=headers)).status == 200
    fake_auth_server.rotate_keys(keep=False)
    sentri_clock.advance("31s")
    fresh = bearer(fake_auth_server.issue_token(expires_in=100_000))
    assert (await service.get("/profile", headers=fresh)).status == 200  # which fetches the keys
    await assert_error(await service.get("/profile", headers=headers), "TOKEN_INVALID")


async def test_is_no_way_around_keys_that_are_too_old(service, fake_auth_server, sentri_clock):
    headers = bearer(fake_auth_server.issue_token(expires_in=10_000_000))
    assert (await service.get("/profile", headers=headers)).status == 200
    fake_auth_server.go_down()
    sentri_clock.advance("26h")
    await assert_error(await service.get("/profile", headers=headers), "KEYS_UNAVAILABLE")


async def test_an_outage_costs_no_signature(service, fake_auth_server, sentri_clock, verifications):
    headers = bearer(fake_auth_server.issue_token(expires_in=10_000_000))
    assert (await service.get("/profile", headers=headers)).status == 200
    fake_auth_server.go_down()
    sentri_clock.advance("5h")
    for _ in range(3):
        assert (await service.get("/profile", headers=headers)).status == 200
    assert len(verifications) == 1


async def test_another_token_of_the_same_beginning_is_another(service, fake_auth_server):
    token = fake_auth_server.issue_token()
    assert (await service.get("/profile", headers=bearer(token))).status == 200
    for other in (token[:-8] + "AAAAAAAA", token + "A", token[:-1], f"{token}=", token.upper()):
        await assert_error(await service.get("/profile", headers=bearer(other)), "TOKEN_INVALID")


async def test_two_headers_are_one_too_many_for_any(service, fake_auth_server):
    token = fake_auth_server.issue_token()
    for headers in ([("Authorization", f"Bearer {token}")] * 2, [("Authorization", f"Bearer {token}")] * 3):
        assert (await service.get("/profile", headers=bearer(token))).status == 200
        await assert_error(await service.get("/profile", headers=headers), "TOKEN_INVALID")


async def test_is_refused_once_it_is_revoked(fake_auth_server, sentri_clock):
    revoked, asked = set(), []

    def is_token_revoked(session_id):
        asked.append(session_id)
        return session_id in revoked

    auth = client_of(fake_auth_server, sentri_clock, is_token_revoked=is_token_revoked)
    async with TestClient(TestServer(application(auth))) as client:
        headers = bearer(fake_auth_server.issue_token())
        for _ in range(2):
            assert (await client.get("/profile", headers=headers)).status == 200
        assert len(asked) == 2
        revoked.add(asked[0])
        await assert_error(await client.get("/profile", headers=headers), "UNAUTHORIZED")


async def test_a_class_of_ones_own_has_the_last_word(fake_auth_server, sentri_clock):
    class Picky(AuthClient):
        async def authenticate(self, token):
            if banned:
                raise SentriError("FORBIDDEN", "Not today.")
            return await super().authenticate(token)

    banned = []
    given = {"key_uri": fake_auth_server.key_uri, "audience": "shop", "clock": sentri_clock}
    auth = Picky(ClientOptions.read(given, lambda _: []))
    async with TestClient(TestServer(application(auth))) as client:
        headers = bearer(fake_auth_server.issue_token())
        for _ in range(2):
            assert (await client.get("/profile", headers=headers)).status == 200
        banned.append(headers)
        await assert_error(await client.get("/profile", headers=headers), "FORBIDDEN")


async def test_two_auth_objects_share_nothing(fake_auth_server, sentri_clock):
    one = client_of(fake_auth_server, sentri_clock)
    async with (
        one,
        create_auth(mode="client", key_uri=fake_auth_server.key_uri, audience="bank", clock=sentri_clock) as other,
    ):
        token = fake_auth_server.issue_token()
        assert await one.authenticate(token)
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            await other.authenticate(token)


async def test_an_expired_cookie_is_not_remembered_as_good(fake_auth_server, sentri_clock):
    auth = client_of(fake_auth_server, sentri_clock, access_cookie={})
    async with TestClient(TestServer(application(auth))) as client:
        headers = {"Cookie": f"access_token={fake_auth_server.issue_token(expires_in=60)}"}
        assert (await client.get("/profile", headers=headers)).status == 200
        sentri_clock.advance("1m")
        for _ in range(2):
            await assert_error(await client.get("/profile", headers=headers), "TOKEN_EXPIRED")


# --- server mode


class Ring(Keys):
    """Keys that a test takes away."""

    def __init__(self):
        self.keep(0, 1)

    def keep(self, *numbers):
        self._ring = KeyRing.of([KeyPool().key("RS256", number).signing for number in numbers])

    def ring(self):
        return self._ring


async def test_a_server_verifies_a_token_once_and_asks_for_its_session_always(verifications, sentri_clock):
    async with TestAuthServer(clock=sentri_clock) as auth:
        pair = await auth.log_in(await auth.create_user())
        for _ in range(3):
            assert await auth.authenticate(pair.access_token)
        assert len(verifications) == 1
        await auth.accounts.logout(pair.user.session_id)
        with pytest.raises(SentriError, match="UNAUTHORIZED"):
            await auth.authenticate(pair.access_token)


async def test_a_server_forgets_with_the_key(sentri_clock):
    ring = Ring()
    async with TestAuthServer(keys=ring, clock=sentri_clock) as auth:
        pair = await auth.log_in(await auth.create_user())
        assert await auth.authenticate(pair.access_token)
        ring.keep(1)
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            await auth.authenticate(pair.access_token)
        ring.keep(1, 0)
        assert await auth.authenticate(pair.access_token)


async def test_a_servers_tokens_expire_to_the_second_and_begin_when_they_say(sentri_clock):
    async with TestAuthServer(clock=sentri_clock, access_expires_in="60s") as auth:
        pair = await auth.log_in(await auth.create_user())
        sentri_clock.advance(59)
        assert await auth.authenticate(pair.access_token)
        sentri_clock.advance(1)
        with pytest.raises(SentriError, match="TOKEN_EXPIRED"):
            await auth.authenticate(pair.access_token)
        sentri_clock.move_to(sentri_clock.now - 121)
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            await auth.authenticate(pair.access_token)


# --- at once, and ahead


async def test_a_guard_that_is_called_with_another_request_is_noticed(sentri_clock):
    """A keyed POST whose handler calls a guarded one with a GET of somebody else's is not kept."""
    async with FakeAuthServer(clock=sentri_clock) as server:
        auth = create_auth(mode="client", key_uri=server.key_uri, clock=sentri_clock)
        app = web.Application()
        auth.setup(app)
        ann, bob = server.issue_token(identifier="ann"), server.issue_token(identifier="bob")
        runs = []

        @auth.protect
        async def inner(request: web.Request) -> web.Response:
            runs.append(current_user(request).identifier)
            return web.json_response({"run": len(runs)}, status=201)

        async def outer(request: web.Request) -> web.Response:
            return await inner(request.clone(method="GET", headers=bearer(bob)))

        app.router.add_post("/outer", outer)
        app.router.add_get("/inner", inner)
        async with TestClient(TestServer(app)) as client:
            for token in (ann, bob):
                assert (await client.get("/inner", headers=bearer(token))).status == 201
            answers = [await client.post("/outer", headers={**bearer(ann), "Idempotency-Key": "one"}) for _ in range(2)]
            assert [answer.status for answer in answers] == [201, 409]  # whose answer it was, nobody can say
            assert runs == ["ann", "bob", "bob"]


async def test_a_server_never_enters_at_once(tmp_path):
    auth = create_auth_server(db=f"sqlite://{tmp_path}/auth.db", valid_roles=("user",), salt_rounds=10)
    async with TestClient(TestServer(application_of_server(auth))) as client:
        credentials = {"identifier": "ann", "password": "correct horse"}
        await client.post("/auth/register", json=credentials)
        data = (await (await client.post("/auth/login", json=credentials)).json())["data"]
        for _ in range(2):
            assert (await client.get("/profile", headers=bearer(data["accessToken"]))).status == 200
        await client.post("/auth/logout", headers=bearer(data["accessToken"]))
        await assert_error(await client.get("/profile", headers=bearer(data["accessToken"])), "UNAUTHORIZED")


def application_of_server(auth) -> web.Application:
    app = web.Application()
    auth.setup(app)

    async def profile(request: web.Request) -> web.Response:
        return web.json_response(current_user(request).to_dict())

    app.router.add_get("/profile", auth.protect(profile))
    return app
