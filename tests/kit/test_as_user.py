"""`as_user`: a logged-in client of any application, in both modes, by headers and by cookies."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSServerHandshakeError, web
from aiohttp.test_utils import RawTestServer, TestClient, TestServer
from yarl import URL

from sentri import create_auth, current_user, protect
from sentri_testing.clock import ManualClock
from sentri_testing.cookie_jar import BrowserJar
from sentri_testing.issuer import FakeAuthServer
from sentri_testing.logged_in import LoggedInClient, as_user
from sentri_testing.server import TestAuthServer
from sentri_testing.users import PASSWORD, make_user
from tests.support import assert_error, data_of, host_application, profile, serving

BOTH = {"cookie": {}, "access_cookie": {}}
MINUTE, DAY = 60, 86400


@pytest.fixture(params=["bearer", "cookie"])
def carriage(request) -> str:
    return request.param


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def auth(clock) -> AsyncIterator[TestAuthServer]:
    async with TestAuthServer(clock=clock, **BOTH) as auth:
        yield auth


@pytest.fixture
async def client(auth) -> AsyncIterator[TestClient]:
    async with serving(application(auth)) as client:
        yield client


def application(auth) -> web.Application:
    """An application with guarded routes, wired explicitly."""
    if isinstance(auth, TestAuthServer):
        app = host_application(auth)
    else:
        app = web.Application(middlewares=[auth.error_middleware()])
        app.router.add_get("/profile", auth.protect(profile))
    app.router.add_post("/profile", auth.protect(profile))
    app.router.add_get("/admin", auth.authorize("admin")(profile))
    app.router.add_get("/echo", auth.protect(echo))
    app.router.add_get("/stream", auth.protect(stream))
    return app


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str(current_user(request).id)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(current_user(request).id.encode())
    await response.write_eof()
    return response


# --- server mode


async def test_every_request_is_the_users(client, carriage):
    async with as_user(client, roles=["admin"], carriage=carriage) as alice:
        for method, path in [("GET", "/profile"), ("POST", "/profile"), ("GET", "/admin")]:
            response = await alice.request(method, path)
            assert response.status == 200
            assert await response.json() == alice.user.to_dict()
    assert alice.user.roles == ("admin",)


async def test_the_client_that_it_was_made_from_stays_nobody(client, carriage):
    async with as_user(client, carriage=carriage) as alice:
        assert (await alice.get("/profile")).status == 200
        await assert_error(await client.get("/profile"), 401, "UNAUTHORIZED")


async def test_without_the_role_it_is_refused(client, carriage):
    async with as_user(client, carriage=carriage) as alice:
        assert alice.user.roles == ("user",)
        await assert_error(await alice.get("/admin"), 403, "FORBIDDEN")


async def test_two_users_of_one_client_share_no_cookies(client, carriage):
    alice = await as_user(client, identifier="alice", carriage=carriage)
    bob = await as_user(client, identifier="bob", carriage=carriage)
    for user in (alice, bob, alice):
        assert (await (await user.get("/profile")).json())["id"] == user.user.id
    assert alice.user.identifier == "alice"


async def test_a_user_who_is_there_is_logged_in(client, auth, carriage):
    user = await auth.create_user("alice", roles=["admin"])
    alice = await as_user(client, user=user, carriage=carriage)
    again = await as_user(client, user=alice.user, carriage=carriage)
    assert alice.user.id == again.user.id == user.id
    assert alice.user.session_id != again.user.session_id


async def test_streams_and_web_sockets_carry_the_tokens(client, carriage):
    async with as_user(client, carriage=carriage) as alice:
        async with alice.ws_connect("/echo") as socket:
            assert await socket.receive_str() == alice.user.id
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"
        async with alice.get("/stream") as response:
            assert await response.text() == alice.user.id
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect("/echo")


async def test_its_tokens_are_at_hand(client, auth, carriage):
    async with as_user(client, carriage=carriage) as alice:
        assert auth.verify_access_token(alice.access_token).id == alice.user.id


async def test_shows_no_token(client, carriage):
    async with as_user(client, identifier="alice", roles=["admin"], carriage=carriage) as alice:
        assert repr(alice) == f"<LoggedInClient 'alice' roles=['admin'] by {carriage}>"


async def test_logging_out_ends_it(client, carriage):
    async with as_user(client, carriage=carriage) as alice:
        assert await data_of(await alice.post("/auth/logout")) is None
        await assert_error(await alice.get("/profile"), 401, "UNAUTHORIZED")
        assert (alice.access_token is None) == (carriage == "cookie")


async def test_bearer_tokens_travel_in_headers_alone(client):
    alice = await as_user(client)
    request = (await alice.get("/profile")).request_info
    assert request.headers["Authorization"] == f"Bearer {alice.access_token}"
    assert "Cookie" not in request.headers


async def test_cookies_travel_as_a_browser_sends_them(client):
    alice = await as_user(client, carriage="cookie")
    request = (await alice.post("/profile")).request_info
    assert "Authorization" not in request.headers
    assert request.headers["Sec-Fetch-Site"] == "same-origin"
    assert {"access_token", "refresh_token"} == {pair.split("=")[0] for pair in request.headers["Cookie"].split("; ")}


async def test_headers_of_the_client_go_on_but_not_who_it_is(auth):
    given = {"X-Tenant": "acme", "authorization": "Basic eDp5", "Cookie": "access_token=x"}
    async with TestClient(TestServer(application(auth)), headers=given) as client:
        for carriage in ("bearer", "cookie"):
            alice = await as_user(client, carriage=carriage)
            response = await alice.get("/profile")
            assert response.status == 200
            assert response.request_info.headers["X-Tenant"] == "acme"
            assert "Basic" not in str(response.request_info.headers)


async def test_one_user_can_be_made_from_another(client):
    alice = await as_user(client)
    bob = await as_user(alice, carriage="cookie")
    assert (await (await bob.get("/profile")).json())["id"] == bob.user.id != alice.user.id


# --- time


async def test_a_bearer_token_expires_with_the_clock(client, clock):
    alice = await as_user(client)
    clock.advance(16 * MINUTE)
    await assert_error(await alice.get("/profile"), 401, "TOKEN_EXPIRED")


async def test_cookies_are_refreshed_silently_when_the_clock_moves(client, auth, clock):
    alice = await as_user(client, carriage="cookie")
    first_access, first_renewal = alice.access_token, alice.refresh_token
    for _ in range(3):
        clock.advance(16 * MINUTE)
        assert (await alice.get("/profile")).status == 200
    assert alice.access_token not in (None, first_access)
    assert alice.refresh_token not in (None, first_renewal)
    assert auth.verify_access_token(alice.access_token).session_id == alice.user.session_id


async def test_a_browser_drops_cookies_when_the_clock_has_passed_their_age(client, clock):
    alice = await as_user(client, carriage="cookie")
    clock.advance(16 * MINUTE)
    assert alice.access_token is None
    assert alice.refresh_token is not None
    clock.advance(8 * DAY)
    assert alice.refresh_token is None
    response = await alice.get("/profile")
    assert "Cookie" not in response.request_info.headers
    await assert_error(response, 401, "UNAUTHORIZED")


async def test_a_session_that_is_used_goes_on_until_its_absolute_end(client, clock):
    alice = await as_user(client, carriage="cookie")
    for _ in range(14):
        clock.advance(6 * DAY)
        assert (await alice.get("/profile")).status == 200
    clock.advance(6.1 * DAY)
    await assert_error(await alice.get("/profile"), 401, "UNAUTHORIZED")


# --- cookies of other makes


@pytest.mark.parametrize(
    "attributes",
    [
        {"name": "session"},
        {"path": "/"},
        {"domain": "example.com"},
        {"secure": False, "same_site": "Lax"},
        {"http_only": True},
    ],
)
async def test_cookies_of_any_configuration_arrive(clock, attributes):
    cookie = {**attributes, "name": f"{attributes['name']}-r"} if "name" in attributes else attributes
    async with (
        TestAuthServer(clock=clock, cookie=cookie, access_cookie=attributes) as auth,
        serving(application(auth)) as client,
        as_user(client, carriage="cookie") as alice,
    ):
        assert (await alice.post("/profile")).status == 200
        clock.advance(16 * MINUTE)
        assert (await alice.get("/profile")).status == 200
        assert (await alice.post("/auth/logout")).status == 200
        assert (alice.access_token, alice.refresh_token) == (None, None)


async def test_a_refresh_cookie_alone_goes_with_bearer_tokens(clock):
    async with TestAuthServer(clock=clock, cookie={"path": "/auth"}) as auth, serving(application(auth)) as client:
        alice = await as_user(client)
        first = alice.refresh_token
        assert "Cookie" not in (await alice.get("/profile")).request_info.headers
        assert (await data_of(await alice.post("/auth/refresh")))["accessToken"]
        assert alice.refresh_token not in (None, first)


async def test_cookies_of_the_applications_own_are_kept_beside(auth):
    async def count(request: web.Request) -> web.Response:
        response = web.json_response(request.cookies.get("seen"))
        response.set_cookie("seen", str(int(request.cookies.get("seen", "0")) + 1))
        return response

    app = application(auth)
    app.router.add_get("/count", auth.protect(count))
    async with serving(app) as client:
        alice = await as_user(client, carriage="cookie")
        assert [await (await alice.get("/count")).json() for _ in range(3)] == [None, "1", "2"]


async def test_a_cookie_grows_old_on_its_own(clock):
    origin = URL("http://127.0.0.1:8080")
    jar = BrowserJar(clock, origin)
    jar.update_cookies_from_headers(["a=1; Path=/; Max-Age=100", "a=2; Path=/deep; Max-Age=50", "b=3"], origin)
    clock.advance(40)
    jar.update_cookies_from_headers(["a=1; Path=/; Max-Age=100"], origin)
    assert [jar.value_of("a"), jar.value_of("a", "/deep"), jar.value_of("b")] == ["1", "2", "3"]
    clock.advance(10)
    assert [jar.value_of("a"), jar.value_of("a", "/deep"), jar.value_of("b")] == ["1", "1", "3"]
    clock.advance(89)
    assert jar.value_of("a") == "1"
    clock.advance(1)
    assert [jar.value_of("a"), jar.value_of("b")] == [None, "3"]


# --- life


async def test_leaves_the_server_running(client):
    async with as_user(client) as alice:
        pass
    assert alice.session.closed
    assert (await client.get("/profile")).status == 401
    assert (await (await as_user(client)).get("/profile")).status == 200


async def test_nothing_is_left_open_where_nobody_closes_it(auth):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with serving(application(auth)) as client:
            alice = await as_user(client)
            await alice.get("/profile")
            await alice.ws_connect("/echo")
            del alice
            gc.collect()
            assert (await client.get("/profile")).status == 401
        del client
        gc.collect()


async def test_may_be_closed_after_the_client(auth):
    async with serving(application(auth)) as client:
        alice = await as_user(client)
    await alice.close()
    await alice.close()


# --- finding the auth object


async def test_finds_the_auth_object_of_setup():
    async with TestAuthServer() as auth:
        app = web.Application()
        auth.setup(app)
        app.router.add_get("/profile", protect(profile))
        async with serving(app) as client:
            assert (await (await as_user(client)).get("/profile")).status == 200


async def test_any_auth_server_will_do_on_any_database(make_auth, carriage):
    auth = make_auth(salt_rounds=12, **BOTH)
    async with serving(host_application(auth)) as client:
        alice = await as_user(client, identifier="alice", roles=["editor"], carriage=carriage)
        assert await (await alice.get("/profile")).json() == alice.user.to_dict()
        login = await client.post("/auth/login", json={"identifier": "Alice", "password": PASSWORD})
        assert (await data_of(login))["user"] == alice.user.to_dict()


async def test_the_applications_own_auth_object_comes_first(key_uri, issuer):
    other = create_auth(mode="client", key_uri=key_uri)
    async with TestAuthServer() as auth, other:
        app = web.Application()
        auth.setup(app)
        app.router.add_get("/other", other.protect(profile))
        async with serving(app) as client:
            assert (await (await as_user(client)).get("/auth/me")).status == 200


async def test_finds_the_auth_object_that_is_mounted_below():
    async with TestAuthServer() as auth:
        api = web.Application()
        api.add_subapp("/auth", auth.app())
        app = web.Application()
        app.add_subapp("/api", api)
        async with serving(app) as client:
            assert (await (await as_user(client)).get("/api/auth/me")).status == 200


async def test_finds_the_auth_object_of_a_guard(key_uri, issuer):
    auth = create_auth(mode="client", key_uri=key_uri)
    async with serving(application(auth)) as client, auth:
        alice = await as_user(client, issuer=issuer)
        assert (await alice.get("/profile")).status == 200


async def test_says_that_there_is_no_auth_object():
    async with serving(web.Application()) as client:
        with pytest.raises(LookupError, match=r"has no auth object.*auth\.setup\(app\).*auth=…"):
            await as_user(client)


async def test_says_which_auth_objects_there_are(key_uri, issuer):
    other = create_auth(mode="client", key_uri=key_uri)
    async with TestAuthServer() as auth, other:
        app = application(auth)
        app.router.add_get("/other", other.protect(profile))
        async with serving(app) as client:
            with pytest.raises(LookupError, match=r"has 2 auth objects, <TestAuthServer .*<AuthClient .*auth=…"):
                await as_user(client)
            assert (await (await as_user(client, auth=auth)).get("/profile")).status == 200
            alice = await as_user(client, auth=other, issuer=issuer)
            assert (await alice.get("/other")).status == 200


# --- client mode


@pytest.fixture
async def issuer() -> AsyncIterator[TestAuthServer]:
    async with TestAuthServer() as issuer:
        yield issuer


@pytest.fixture
async def key_uri(issuer) -> AsyncIterator[str]:
    app = web.Application()
    issuer.setup(app)
    async with serving(app) as client:
        yield str(client.make_url("/auth/keys"))


@pytest.fixture
async def shop(key_uri) -> AsyncIterator[TestClient]:
    """An application in client mode."""
    auth = create_auth(mode="client", key_uri=key_uri, access_cookie={}, valid_roles=["user", "admin"])
    async with auth, serving(application(auth)) as client:
        yield client


async def test_a_client_mode_application_takes_the_token_of_a_real_server(shop, issuer, carriage):
    alice = await as_user(shop, roles=["admin"], carriage=carriage, issuer=issuer)
    for method, path in [("GET", "/profile"), ("POST", "/profile"), ("GET", "/admin")]:
        response = await alice.request(method, path)
        assert await response.json() == alice.user.to_dict()
    assert (await alice.get("/stream")).status == 200
    async with alice.ws_connect("/echo") as socket:
        assert await socket.receive_str() == alice.user.id
    assert issuer.verify_access_token(alice.access_token).id == alice.user.id


@pytest.fixture
async def fake(clock) -> AsyncIterator[FakeAuthServer]:
    async with FakeAuthServer(clock=clock) as fake:
        yield fake


@pytest.fixture
async def fakes_shop(fake, clock) -> AsyncIterator[TestClient]:
    """An application in client mode, whose keys come from the fake server."""
    options = {"issuer": fake.issuer, "access_cookie": {}, "valid_roles": ["user", "admin"], "clock": clock}
    auth = create_auth(mode="client", key_uri=fake.key_uri, **options)
    async with auth, serving(application(auth)) as client:
        yield client


async def test_a_client_mode_application_takes_the_token_of_the_fake_server_at_its_key_uri(fakes_shop, fake, carriage):
    async with FakeAuthServer(), as_user(fakes_shop, roles=["admin"], identifier="alice", carriage=carriage) as alice:
        for method, path in [("GET", "/profile"), ("POST", "/profile"), ("GET", "/admin")]:
            response = await alice.request(method, path)
            assert response.status == 200
            assert await response.json() == alice.user.to_dict()
    assert (alice.user.identifier, alice.user.roles, alice.user.issuer) == ("alice", ("admin",), fake.issuer)
    assert alice.refresh_token is None


async def test_a_token_of_client_mode_expires_with_the_clock(fakes_shop, clock):
    bearer, browser = await as_user(fakes_shop), await as_user(fakes_shop, carriage="cookie")
    clock.advance("14m")
    assert (await bearer.get("/profile")).status == (await browser.get("/profile")).status == 200
    clock.advance("2m")
    await assert_error(await bearer.get("/profile"), 401, "TOKEN_EXPIRED")
    await assert_error(await browser.get("/profile"), 401, "UNAUTHORIZED")
    assert browser.access_token is None


async def test_a_user_in_memory_can_be_logged_in_to_client_mode(fakes_shop, carriage):
    user = make_user("alice", ["admin"])
    alice = await as_user(fakes_shop, user=user, carriage=carriage)
    assert await (await alice.get("/admin")).json() == user.to_dict()


async def test_client_mode_has_roles_and_cookies_of_its_own_too(fakes_shop, fake):
    with pytest.raises(ValueError, match=r"roles has \['owner'\]"):
        await as_user(fakes_shop, roles=["owner"])
    auth = create_auth(mode="client", key_uri=fake.key_uri)
    async with auth, serving(application(auth)) as client:
        assert (await as_user(client, roles=["owner"])).user.roles == ("owner",)  # it says not which there are
        with pytest.raises(ValueError, match=r"Give its create_auth access_cookie=\{\}, or log in by"):
            await as_user(client, carriage="cookie")


async def test_says_that_no_fake_server_runs_at_the_key_uri(shop, fake):
    with pytest.raises(
        LookupError, match=r"no FakeAuthServer .* at the key_uri of <AuthClient .*fake\.key_uri.*issuer=…"
    ):
        await as_user(shop)
    with pytest.raises(LookupError, match="no FakeAuthServer"):
        await as_user(shop, user=make_user())


# --- mistakes


async def test_says_that_no_cookie_is_configured():
    async with TestAuthServer() as auth, serving(application(auth)) as client:
        with pytest.raises(ValueError, match=r"has no access cookie.*cookie=\{\}, access_cookie=\{\}.*'bearer'"):
            await as_user(client, carriage="cookie")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"carriage": "header"}, "carriage is 'header'; it is one of 'bearer', 'cookie'"),
        ({"roles": ["owner"]}, r"roles has \['owner'\]; this auth object's valid_roles are \['admin', 'user'\]"),
        ({"roles": "admin"}, "give a list"),
        ({"user": make_user(), "roles": ["user"]}, "give either user, or"),
        ({"user": make_user(), "identifier": "alice"}, "give either user, or"),
        ({"issuer": TestAuthServer()}, "issuer is for client mode"),
    ],
)
async def test_says_what_is_wrong(client, given, told):
    with pytest.raises(ValueError, match=told):
        await as_user(client, **given)


async def test_says_that_a_user_is_in_memory_only(client):
    with pytest.raises(LookupError, match=r"is not in the database of <TestAuthServer .*create_user"):
        await as_user(client, user=make_user())


async def test_says_that_the_user_is_disabled(client, auth):
    user = await auth.create_user()
    await auth.disable(user)
    with pytest.raises(Exception, match="FORBIDDEN: The user is disabled"):
        await as_user(client, user=user)


async def test_says_that_the_client_does_not_run(auth):
    client = serving(application(auth))
    with pytest.raises(RuntimeError, match="does not run yet: async with"):
        await as_user(client)
    await client.close()


async def test_takes_nothing_but_a_test_client_of_an_application(auth):
    with pytest.raises(TypeError, match=r"takes aiohttp's TestClient.*is a Application"):
        await as_user(application(auth))
    async with serving(application(auth)) as client:
        with pytest.raises(TypeError, match="auth is a Application; give what create_auth"):
            await as_user(client, auth=application(auth))
    async with TestClient(RawTestServer(profile)) as client:
        with pytest.raises(TypeError, match=r"TestClient of a web\.Application"):
            await as_user(client, auth=auth)


async def test_is_a_test_client(client):
    alice = await as_user(client)
    assert isinstance(alice, LoggedInClient)
    assert isinstance(alice, TestClient)
    assert alice.app is client.app
    assert alice.make_url("/profile") == client.make_url("/profile")
