"""The kit's assertions: what they accept, and what they say about everything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from sentri import SENTRI_ERROR_STATUS, create_auth
from sentri_testing.answers import _ADVICE
from sentri_testing.assertions import assert_authenticated, assert_cookie_flags, assert_envelope, assert_error
from sentri_testing.clock import ManualClock
from sentri_testing.logged_in import as_user
from sentri_testing.server import TestAuthServer
from sentri_testing.users import PASSWORD
from tests.support import host_application, profile, serving

GOOD: dict[str, Any] = {"error": False, "statusCode": 200, "message": "Done.", "data": {"n": 1}}
BAD: dict[str, Any] = {"error": True, "statusCode": 404, "code": "NOT_FOUND", "message": "id: is not.", "data": None}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def auth(clock) -> AsyncIterator[TestAuthServer]:
    async with TestAuthServer(clock=clock, cookie={}, access_cookie={}) as auth:
        yield auth


@pytest.fixture
async def client(auth) -> AsyncIterator[TestClient]:
    app = host_application(auth)
    app.router.add_get("/admin", auth.authorize("admin")(profile))
    app.router.add_post("/answer", answer)
    app.router.add_get("/broken", broken)
    app.router.add_get("/enveloped", auth.protect(enveloped))
    async with serving(app) as client:
        yield client


async def answer(request: web.Request) -> web.Response:
    """What the test sends."""
    sent = await request.json()
    response = web.json_response(sent["body"], status=sent.get("status", 200))
    response.headers.update({"Cache-Control": "no-store", **sent.get("headers", {})})
    return response


async def broken(request: web.Request) -> web.Response:
    raise RuntimeError("something secret")


async def enveloped(request: web.Request) -> web.Response:
    return web.json_response({**GOOD, "data": {"user": request["user"].to_dict()}})


async def failure_of(assertion: Any) -> str:
    """What a failing test would show."""
    with pytest.raises(AssertionError) as failed:
        await assertion
    return str(failed.value)


# --- assert_envelope


async def test_gives_the_data_of_a_success(client):
    response = await client.post("/answer", json={"body": {**GOOD, "statusCode": 201}, "status": 201})
    assert await assert_envelope(response) == {"n": 1}
    assert await assert_envelope(response, 201) == {"n": 1}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({**GOOD, "error": True}, "Expected was an envelope that says error: false"),
        ({**GOOD, "error": 0}, "Expected was an envelope that says error: false"),
        ({**GOOD, "statusCode": 201}, "with a message and statusCode 200"),
        ({**GOOD, "message": None}, "with a message and statusCode 200"),
        ({**GOOD, "code": "X"}, "an object of data, error, message, statusCode"),
        ({"data": 1}, "with JSON that has 'data'. Expected was sentri's envelope"),
        ([GOOD], "Expected was sentri's envelope, application/json"),
    ],
)
async def test_refuses_what_is_no_success_in_an_envelope(client, body, told):
    response = await client.post("/answer", json={"body": body})
    assert told in await failure_of(assert_envelope(response))


async def test_refuses_json_that_says_it_is_something_else(client):
    response = await client.post("/answer", json={"body": GOOD, "headers": {"Content-Type": "text/json"}})
    assert "Expected was sentri's envelope, application/json" in await failure_of(assert_envelope(response))


async def test_refuses_a_success_that_has_no_status_of_one(client):
    response = await client.post("/answer", json={"body": {**GOOD, "statusCode": 404}, "status": 404})
    assert "Expected was a success with status 2xx" in await failure_of(assert_envelope(response))


async def test_says_which_status_was_expected(client):
    response = await client.post("/answer", json={"body": GOOD})
    told = await failure_of(assert_envelope(response, 201))
    assert told == (
        "POST /answer gave 200 with JSON that has 'error', 'statusCode', 'message', 'data'. "
        "Expected was a success with status 201."
    )


async def test_takes_a_failure_that_was_expected(client):
    assert await assert_envelope(await client.get("/profile"), 401, code="UNAUTHORIZED") is None


# --- assert_error


async def test_gives_the_envelope_of_a_failure(client):
    envelope = await assert_error(await client.get("/profile"), "UNAUTHORIZED")
    assert (envelope["statusCode"], envelope["code"]) == (401, "UNAUTHORIZED")


async def test_names_the_field_that_is_wrong(client):
    response = await client.post("/auth/register", json={"identifier": "alice", "password": "short"})
    envelope = await assert_error(response, "VALIDATION_ERROR", field="password", match="8 characters")
    assert envelope["data"] is None
    told = await failure_of(assert_error(response, "VALIDATION_ERROR", field="pass"))
    assert "Expected was 400 VALIDATION_ERROR about the field 'pass'" in told
    told = await failure_of(assert_error(response, "VALIDATION_ERROR", match="9 characters"))
    assert "with a message like '9 characters'" in told


async def test_a_code_of_the_hosts_own_may_have_any_status(client):
    body = {**BAD, "statusCode": 418, "code": "TEAPOT"}
    response = await client.post("/answer", json={"body": body, "status": 418})
    assert await assert_error(response, "TEAPOT") == body
    assert await assert_error(response, "TEAPOT", status=418) == body
    assert "Expected was 400 TEAPOT" in await failure_of(assert_error(response, "TEAPOT", status=400))


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"code": "FORBIDDEN"}, 404, "gave 404 FORBIDDEN: id: is not. Expected was 404 NOT_FOUND"),
        ({}, 400, "gave 400 NOT_FOUND"),
        ({"statusCode": 400}, 404, "with a message and statusCode 404"),
        ({"error": False}, 404, "error: true, data: null"),
        ({"data": {}}, 404, "error: true, data: null"),
        ({"more": 1}, 404, "an object of code, data, error, message, statusCode"),
    ],
)
async def test_refuses_other_failures(client, changes, status, told):
    response = await client.post("/answer", json={"body": {**BAD, **changes}, "status": status})
    assert told in await failure_of(assert_error(response, "NOT_FOUND"))


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (BAD, {"Cache-Control": "max-age=60"}, "with Cache-Control: no-store"),
        ({**BAD, "code": "UNAUTHORIZED", "statusCode": 401}, {}, "with WWW-Authenticate: Bearer"),
        ({**BAD, "code": "UNAUTHORIZED", "statusCode": 401}, {"WWW-Authenticate": "Basic"}, "WWW-Authenticate: Bearer"),
    ],
)
async def test_asks_for_the_headers_of_a_failure(client, body, headers, told):
    sent = {"body": body, "status": body["statusCode"], "headers": headers}
    assert told in await failure_of(assert_error(await client.post("/answer", json=sent), body["code"]))


async def test_says_what_came_in_place_of_a_failure(client):
    told = await failure_of(assert_error(await (await as_user(client)).get("/profile"), "UNAUTHORIZED"))
    assert (
        told == "GET /profile gave 200 with JSON that has 'id', 'identifier', 'roles'. Expected was 401 UNAUTHORIZED."
    )


async def test_says_what_to_do_about_an_answer_of_aiohttps_own(client):
    told = await failure_of(assert_error(await client.get("/nowhere"), "NOT_FOUND"))
    assert told == (
        "GET /nowhere gave 404 (text/plain, 14 bytes) '404: Not Found'. Expected was 404 NOT_FOUND. "
        "Nothing is at this path, or the application's own handler says so."
    )


async def test_says_that_the_error_middleware_is_missing(auth):
    app = web.Application()
    app.router.add_get("/profile", auth.protect(profile))
    async with serving(app) as client:
        told = await failure_of(assert_error(await client.get("/profile"), "UNAUTHORIZED"))
    assert "gave 500 (text/plain" in told
    assert "auth.error_middleware() is missing" in told


# --- assert_authenticated


async def test_a_logged_in_client_is_who_it_is(client):
    alice = await as_user(client)
    assert (await (await assert_authenticated(alice)).json())["data"]["id"] == alice.user.id


async def test_any_route_tells_that_a_request_got_past_the_guards(client):
    alice = await as_user(client, roles=["admin"])
    for response in (
        await assert_authenticated(alice, "/admin"),
        await assert_authenticated(alice, "/profile", user=alice.user),
        await assert_authenticated(alice, "/enveloped", user=alice.user),
        await assert_authenticated(alice, "/auth/logout-all", method="POST", headers={"X-Request-Id": "1"}),
        await assert_authenticated(await client.post("/answer", json={"body": "yes"})),
    ):
        assert response.status == 200


async def test_tells_another_user_from_the_right_one(client):
    alice, bob = await as_user(client, identifier="alice"), await as_user(client)
    told = await failure_of(assert_authenticated(bob, "/profile", user=alice.user))
    assert f"Expected was the answer to 'alice', with the id {alice.user.id}; it has the id {bob.user.id}" in told
    response = await client.post("/answer", json={"body": {"ok": True}})
    assert "it has nobody's id" in await failure_of(assert_authenticated(response, user=alice.user))


async def test_a_logged_in_client_has_to_be_itself(client):
    alice, bob = await as_user(client), await as_user(client)
    alice.user = bob.user
    assert "it has the id" in await failure_of(assert_authenticated(alice))


# --- what to do


async def test_says_what_to_do_without_a_token(client):
    told = await failure_of(assert_authenticated(client, "/profile"))
    assert told.startswith("GET /profile gave 401 UNAUTHORIZED: ")
    assert "Expected was an answer to somebody who is logged in." in told
    assert "await as_user(client)" in told


async def test_says_what_to_do_about_an_expired_token(client, clock):
    alice = await as_user(client)
    clock.advance(3600)
    told = await failure_of(assert_authenticated(alice))
    assert "401 TOKEN_EXPIRED" in told
    assert "refresh it (POST /auth/refresh)" in told
    assert "move the clock less far" in told


async def test_says_which_roles_to_give(client):
    told = await failure_of(assert_authenticated(await as_user(client), "/admin"))
    assert "403 FORBIDDEN" in told
    assert "as_user(client, roles=[…])" in told


async def test_says_that_the_keys_cannot_be_had(auth, unused_tcp_port):
    client_mode = create_auth(mode="client", key_uri=f"http://127.0.0.1:{unused_tcp_port}/auth/keys")
    app = web.Application(middlewares=[client_mode.error_middleware()])
    app.router.add_get("/profile", client_mode.protect(profile))
    async with client_mode, serving(app) as client:
        alice = await as_user(client, issuer=auth)
        told = await failure_of(assert_authenticated(alice, "/profile"))
        assert "503 KEYS_UNAVAILABLE" in told
        assert "key_uri is not its address" in told
        told = await failure_of(assert_authenticated(alice))
        assert 'this application has no /auth/me: give a path, assert_authenticated(client, "/profile")' in told


async def test_says_where_an_exception_is_told(client):
    told = await failure_of(assert_authenticated(client, "/broken"))
    assert "500 INTERNAL_ERROR" in told
    assert "caplog" in told
    assert "something secret" not in told


def test_gives_advice_for_known_codes_alone():
    assert _ADVICE.keys() <= SENTRI_ERROR_STATUS.keys()


async def test_shows_no_token(client, auth):
    user = await auth.create_user()
    response = await client.post("/auth/login", json={"identifier": user.identifier, "password": PASSWORD})
    token = (await assert_envelope(response))["accessToken"]
    messages = [await failure_of(assert_error(response, "FORBIDDEN")), await failure_of(assert_envelope(response, 201))]
    for name in ("access_token", "refresh_token"):
        with pytest.raises(AssertionError) as failed:
            assert_cookie_flags(response, name, path="/elsewhere")
        messages.append(str(failed.value))
    async with client.get("/profile", headers={"Authorization": f"Bearer {token}x"}) as refused:
        messages.append(await failure_of(assert_authenticated(refused)))
    parts = [token, response.cookies["refresh_token"].value]
    assert not [message for message in messages for secret in parts for part in secret.split(".") if part in message]


# --- cookies


@pytest.fixture
async def logged_in(client, auth) -> Any:
    user = await auth.create_user()
    return await client.post("/auth/login", json={"identifier": user.identifier, "password": PASSWORD})


async def test_sentris_cookies_have_its_defaults(logged_in):
    assert_cookie_flags(logged_in, "refresh_token")
    assert_cookie_flags(logged_in, "access_token")
    assert_cookie_flags(logged_in, "access_token", http_only=False, same_site="strict")


async def test_cleared_cookies_keep_their_attributes(client):
    alice = await as_user(client, carriage="cookie")
    response = await alice.post("/auth/logout")
    assert_cookie_flags(response, "refresh_token", cleared=True)
    with pytest.raises(AssertionError, match=r"'refresh_token' of POST /auth/logout: it is cleared$"):
        assert_cookie_flags(response, "refresh_token")


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"http_only": False}, "HttpOnly is True, expected was False"),
        ({"secure": False}, "Secure is True, expected was False"),
        ({"same_site": "Lax"}, "SameSite is 'Strict', expected was 'Lax'"),
        ({"path": "/auth"}, "Path is '/', expected was '/auth'"),
        ({"domain": "example.com"}, "Domain is '', expected was 'example.com'"),
        ({"cleared": True}, r"it is set, expected was that it is cleared \(Max-Age=0\)"),
        ({"secure": False, "path": "/x"}, "Secure is True, .*; Path is '/'"),
    ],
)
async def test_says_which_flags_are_wrong(logged_in, expected, told):
    with pytest.raises(AssertionError, match=told):
        assert_cookie_flags(logged_in, "refresh_token", **expected)


async def test_other_attributes_can_be_asked_for():
    given = {"secure": False, "same_site": "Lax", "path": "/auth", "domain": "example.com"}
    async with TestAuthServer(cookie=given) as auth, serving(host_application(auth)) as client:
        user = await auth.create_user()
        response = await client.post("/auth/login", json={"identifier": user.identifier, "password": PASSWORD})
        assert_cookie_flags(response, "refresh_token", **given)


async def test_says_which_cookies_there_are(logged_in, client):
    with pytest.raises(AssertionError, match=r"sets no cookie 'session'; it sets 'refresh_token', 'access_token'"):
        assert_cookie_flags(logged_in, "session")
    with pytest.raises(AssertionError, match=r"sets none\. Tokens travel in cookies where .* cookie and access_cookie"):
        assert_cookie_flags(await client.get("/profile"), "refresh_token")


async def test_a_cookie_may_not_come_twice():
    async def twice(request: web.Request) -> web.Response:
        response = web.Response()
        for value in "ab":
            response.headers.add("Set-Cookie", f"a={value}; HttpOnly; Secure; SameSite=Strict; Path=/")
        return response

    app = web.Application()
    app.router.add_get("/", twice)
    async with serving(app) as client:
        with pytest.raises(AssertionError, match="sets the cookie 'a' 2 times"):
            assert_cookie_flags(await client.get("/"), "a")
