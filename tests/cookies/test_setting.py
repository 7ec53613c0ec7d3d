"""Which responses set the cookies, which clear them, and with what attributes."""

from __future__ import annotations

import pytest
from aiohttp import web

from sentri import CookieConfig, SentriError
from tests.cookies.conftest import BOTH, DATABASES, EXPIRED, cookies_of, shown, taken
from tests.support import PASSWORD, assert_error, data_of

STRICT = {"samesite": "Strict"}
VARIANTS = {
    "defaults": (
        {},
        {},
        {"refresh_token": {"path": "/", "secure": "", "httponly": "", **STRICT}},
        {"access_token": {"path": "/", "secure": "", **STRICT}},
    ),
    "names": (
        CookieConfig(name="__Host-r"),
        CookieConfig(name="__Secure-a"),
        {"__Host-r": {"path": "/", "secure": "", "httponly": "", **STRICT}},
        {"__Secure-a": {"path": "/", "secure": "", **STRICT}},
    ),
    "paths": (
        {"path": "/auth"},
        {"path": "/api/v1"},
        {"refresh_token": {"path": "/auth", "secure": "", "httponly": "", **STRICT}},
        {"access_token": {"path": "/api/v1", "secure": "", **STRICT}},
    ),
    "domain": (
        CookieConfig(domain="example.com"),
        {"domain": ".example.com"},
        {"refresh_token": {"path": "/", "domain": "example.com", "secure": "", "httponly": "", **STRICT}},
        {"access_token": {"path": "/", "domain": ".example.com", "secure": "", **STRICT}},
    ),
    "SameSite": (
        {"same_site": "Lax"},
        {"same_site": "none"},
        {"refresh_token": {"path": "/", "secure": "", "httponly": "", "samesite": "Lax"}},
        {"access_token": {"path": "/", "secure": "", "samesite": "None"}},
    ),
    "not Secure": (
        {"secure": False},
        {"secure": False, "same_site": "LAX"},
        {"refresh_token": {"path": "/", "httponly": "", **STRICT}},
        {"access_token": {"path": "/", "samesite": "Lax"}},
    ),
    "HttpOnly": (
        {"http_only": True},
        CookieConfig(http_only=True),
        {"refresh_token": {"path": "/", "secure": "", "httponly": "", **STRICT}},
        {"access_token": {"path": "/", "secure": "", "httponly": "", **STRICT}},
    ),
    "refresh alone": ({}, None, {"refresh_token": {"path": "/", "secure": "", "httponly": "", **STRICT}}, {}),
    "access alone": (None, {}, {}, {"access_token": {"path": "/", "secure": "", **STRICT}}),
}


def wire(auth, app):
    async def start(request: web.Request) -> web.Response:
        response = web.Response()
        auth.set_cookies(response, await auth.accounts.start_session(request.query["user"]))
        return response

    async def forget(_: web.Request) -> web.Response:
        response = web.Response()
        auth.clear_cookies(response)
        return response

    app.router.add_get("/start", start)
    app.router.add_get("/forget", forget)


def kept(response) -> dict[str, dict[str, str]]:
    return {name: cookie.kept for name, cookie in cookies_of(response).items()}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
async def test_sets_and_clears_with_the_same_attributes(start, variant):
    """Everything that sets or clears: a browser keeps a cookie that is cleared with other ones."""
    cookie, access_cookie, refresh_attributes, access_attributes = variant
    expected = {**refresh_attributes, **access_attributes}
    site = await start(wire, cookie=cookie, access_cookie=access_cookie)
    user = await site.api.user("ann")

    login = await site.send("POST", "/auth/login", json={"identifier": "ann", "password": PASSWORD})
    session = await site.send("GET", f"/start?user={user.id}")
    cookies, token = taken(login), (await login.json())["data"]["accessToken"]
    bearer = {"Authorization": f"Bearer {token}"}
    body = {"refreshToken": (await login.json())["data"]["refreshToken"]} if cookie is None else None
    refreshed = await site.send("POST", "/auth/refresh", cookies, json=body)
    setting = [login, session, refreshed]
    site.clock.advance(EXPIRED)
    if len(expected) == 2:
        setting.append(await site.send("GET", "/profile", taken(refreshed)))

    pair = await site.log_in(user)
    fresh = {"Authorization": f"Bearer {pair.access_token}"}
    clearing = [
        await site.send("GET", "/forget"),
        await site.send("POST", "/auth/logout", headers=bearer),
        await site.send("POST", "/auth/logout"),
        await site.send("POST", "/auth/logout-all", headers=fresh),
    ]
    again = await site.log_in(user)
    clearing.append(
        await site.send(
            "PATCH",
            "/auth/me/password",
            headers={"Authorization": f"Bearer {again.access_token}"},
            json={"currentPassword": PASSWORD, "newPassword": "another password"},
        )
    )
    for response in (*setting, *clearing):
        assert response.status == 200
        assert kept(response) == expected
    for response in setting:
        assert not any(cookie.is_cleared for cookie in cookies_of(response).values())
        assert response.headers["Cache-Control"] == "no-store"
    assert all(cookie.is_cleared for response in clearing for cookie in cookies_of(response).values())


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
async def test_a_failed_refresh_clears_with_the_same_attributes(start, variant):
    """By hand and silently."""
    cookie, access_cookie, refresh_attributes, access_attributes = variant
    if cookie is None:
        return
    site = await start(cookie=cookie, access_cookie=access_cookie)
    pair = await site.expired()
    await site.auth.accounts.logout(pair.user.session_id)
    name, access_name = (next(iter(found), "") for found in (refresh_attributes, access_attributes))
    responses = [await site.send("POST", "/auth/refresh", shown(**{name: pair.refresh_token}))]
    if access_cookie is not None:
        cookies = shown(**{name: pair.refresh_token, access_name: pair.access_token})
        responses.append(await site.send("GET", "/profile", cookies))
    for response in responses:
        assert response.status == 401
        assert kept(response) == {**refresh_attributes, **access_attributes}
        assert all(found.is_cleared for found in cookies_of(response).values())


# --- how long


async def test_lives_as_long_as_its_token(start, clock):
    site = await start(access_expires_in="2m", refresh_expires_in="3h", session_expires_in="4h")
    await site.api.user("ann")
    response = await site.send("POST", "/auth/login", json={"identifier": "ann", "password": PASSWORD})
    assert lives(response) == (3 * 3600, 120)
    clock.advance(2 * 3600 + 1800)
    response = await site.send("POST", "/auth/refresh", taken(response))
    assert lives(response) == (5400, 120), "no longer than the session"
    clock.advance(5400 - 60)
    response = await site.send("GET", "/profile", shown(refresh_token=cookies_of(response)["refresh_token"].value))
    assert lives(response) == (60, 60), "nor does the access token"


async def test_a_token_that_is_sent_again_lives_as_long_as_it_still_has(site, clock):
    """Within the leeway the browser gets the current refresh token again, with what is left of its life."""
    pair = await site.log_in()
    first = await site.send("GET", "/profile", shown(refresh_token=pair.refresh_token))
    clock.advance(30.5)
    successor = cookies_of(first)["refresh_token"].value
    response = await site.send("GET", "/profile", shown(refresh_token=successor))
    assert cookies_of(response)["refresh_token"].value == successor
    assert lives(response) == (7 * 86400 - 30, 15 * 60)


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.5, 0.999])
async def test_lives_as_long_as_was_configured_whatever_the_moment(site, clock, moment):
    """Tokens expire at whole seconds; what is missing to the next one is not taken off."""
    clock.advance(moment)
    await site.api.user("ann")
    response = await site.send("POST", "/auth/login", json={"identifier": "ann", "password": PASSWORD})
    assert lives(response) == (7 * 86400, 15 * 60)


def lives(response) -> tuple[int, int]:
    found = cookies_of(response)
    return tuple(int(found[name].attributes["max-age"]) for name in ("refresh_token", "access_token"))


# --- how large


async def test_what_no_browser_would_keep_is_cleared_instead(start, caplog):
    """They ignore a cookie of more than 4,096 bytes, and go on with the one of whoever was there before."""
    roles = tuple(f"one-role-of-some-letters-{n:02}" for n in range(100))
    site = await start(valid_roles=roles)
    ann, bob = await site.api.user("ann", roles=roles[:60]), await site.api.user("bob", roles=roles)
    small = await site.send("POST", "/auth/login", json={"identifier": "ann", "password": PASSWORD})
    assert len(cookies_of(small)["access_token"].value) > 2500
    large = await site.send("POST", "/auth/login", taken(small), json={"identifier": "bob", "password": PASSWORD})
    token = (await large.json())["data"]["accessToken"]
    assert len("access_token") + len(token) > 4096
    found = cookies_of(large)
    assert found["access_token"].is_cleared
    assert found["access_token"].kept == cookies_of(small)["access_token"].kept
    browser = shown(refresh_token=found["refresh_token"].value)
    for _ in range(2):
        response = await site.send("GET", "/profile", browser)
        assert (await response.json())["id"] == bob.id != ann.id
    told = [record.getMessage() for record in caplog.records if "browsers keep 4096" in record.getMessage()]
    assert len(told) == 1
    assert token not in told[0]


# --- what travels where


async def test_the_refresh_token_is_in_no_body(site):
    await site.api.user("ann")
    login = await site.send("POST", "/auth/login", json={"identifier": "ann", "password": PASSWORD})
    refreshed = await site.send("POST", "/auth/refresh", taken(login))
    assert (await login.json())["data"].keys() == {"accessToken", "user"}
    assert (await refreshed.json())["data"].keys() == {"accessToken"}
    for response in (login, refreshed):
        found = cookies_of(response)
        assert set(found) == BOTH
        assert found["refresh_token"].value not in await response.text()
        assert (await response.json())["data"]["accessToken"] == found["access_token"].value


async def test_with_an_access_cookie_alone_it_travels_in_bodies(start):
    site = await start(cookie=None)
    await site.api.user("ann")
    login = await site.send("POST", "/auth/login", json={"identifier": "ann", "password": PASSWORD})
    assert set(cookies_of(login)) == {"access_token"}
    token = (await login.json())["data"]["refreshToken"]
    assert (await site.send("POST", "/auth/refresh", shown(refresh_token=token))).status == 415
    refreshed = await site.send("POST", "/auth/refresh", json={"refreshToken": token})
    assert (await refreshed.json())["data"].keys() == {"accessToken", "refreshToken"}


async def test_registration_sets_no_cookies(site):
    response = await site.send("POST", "/auth/register", json={"identifier": "ann", "password": PASSWORD})
    assert response.status == 201
    assert not cookies_of(response)


async def test_refresh_takes_the_cookie_only(site):
    """A body is not looked at, a Bearer header neither."""
    pair, other = await site.log_in(), await site.log_in()
    response = await site.send("POST", "/auth/refresh", json={"refreshToken": pair.refresh_token})
    await assert_error(response, 401, "UNAUTHORIZED")
    assert not cookies_of(response)
    for header in (pair.refresh_token, pair.access_token):
        headers = {"Authorization": f"Bearer {header}"}
        assert (await site.send("POST", "/auth/refresh", headers=headers)).status == 401
    response = await site.send(
        "POST", "/auth/refresh", shown(refresh_token=other.refresh_token), json={"refreshToken": pair.refresh_token}
    )
    claims = site.auth.verify_refresh_token(cookies_of(response)["refresh_token"].value)
    assert claims.session_id == other.user.session_id
    assert await site.rotations(pair) == 0


@pytest.mark.parametrize("value", ["", "x", "a.b.c", '"', "%00", "access"])
async def test_a_refresh_cookie_that_says_nothing_is_401_and_clears_nothing(site, value):
    pair = await site.log_in()
    token = pair.access_token if value == "access" else value
    response = await site.send("POST", "/auth/refresh", shown(refresh_token=token))
    assert response.status == 401
    assert not cookies_of(response)


@DATABASES
async def test_refresh_of_a_spent_token_clears(site, clock):
    """By hand too, a failed refresh clears what is of no use any more."""
    pair = await site.log_in()
    assert (await site.send("POST", "/auth/refresh", shown(pair))).status == 200
    clock.advance(61)
    response = await site.send("POST", "/auth/refresh", shown(pair))
    assert response.status == 401
    assert {name: cookie.is_cleared for name, cookie in cookies_of(response).items()} == dict.fromkeys(BOTH, True)
    assert await site.session(pair) is None


# --- login


@DATABASES
@pytest.mark.parametrize("state", ["good", "rotated", "access expired"])
async def test_login_ends_the_session_of_the_cookie_that_it_replaces(site, clock, state):
    """Another user's too; the sessions of other browsers stay."""
    ann, ben = await site.api.user("ann"), await site.api.user("ben")
    earlier, elsewhere = await site.log_in(ben), await site.log_in(ben)
    if state == "rotated":
        await site.auth.accounts.refresh(earlier.refresh_token)
        clock.advance(120)
    if state == "access expired":
        clock.advance(EXPIRED)
    body = {"identifier": ann.identifier, "password": PASSWORD}
    response = await site.send("POST", "/auth/login", shown(refresh_token=earlier.refresh_token), json=body)
    assert (await data_of(response))["user"]["id"] == ann.id
    assert await site.session(earlier) is None
    assert await site.session(elsewhere) is not None
    assert (await site.send("GET", "/profile", taken(response))).status == 200


async def test_a_failed_login_ends_nothing(site):
    earlier = await site.log_in(await site.api.user("ann"))
    body = {"identifier": "ann", "password": "wrong horse"}
    response = await site.send("POST", "/auth/login", shown(earlier), json=body)
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    assert not cookies_of(response)
    assert await site.session(earlier) is not None


@pytest.mark.parametrize("cookies", ["refresh_token=junk", "refresh_token=", "access_token=junk", "refresh_token"])
async def test_login_with_cookies_that_say_nothing(site, cookies):
    await site.api.user("ann")
    response = await site.send("POST", "/auth/login", cookies, json={"identifier": "ann", "password": PASSWORD})
    assert (await site.send("GET", "/profile", taken(response))).status == 200


async def test_an_access_cookie_ends_no_session_at_login(site):
    """Scripts can read and write it; the contract names the refresh cookie."""
    earlier = await site.log_in(await site.api.user("ann"))
    body = {"identifier": "ann", "password": PASSWORD}
    await site.send("POST", "/auth/login", shown(access_token=earlier.access_token), json=body)
    assert await site.session(earlier) is not None


# --- logout


@pytest.mark.parametrize(
    "cookies", ["", "refresh_token=junk; access_token=junk", "refresh_token=", "a.b", "access_token=a.b.c", ";;=;x"]
)
async def test_logout_of_garbage_is_200_and_clears(site, cookies):
    response = await site.send("POST", "/auth/logout", cookies)
    assert await data_of(response) is None
    assert {name: cookie.is_cleared for name, cookie in cookies_of(response).items()} == dict.fromkeys(BOTH, True)


@pytest.mark.parametrize("which", ["both", "refresh_token", "access_token", "beside garbage", "expired", "rotated"])
async def test_logout_ends_the_session_of_any_authentic_cookie(site, clock, which):
    pair = await site.log_in()
    cookies = {
        "refresh_token": shown(refresh_token=pair.refresh_token),
        "access_token": shown(access_token=pair.access_token),
        "beside garbage": shown(refresh_token="junk", access_token=pair.access_token),
    }.get(which, shown(pair))
    if which == "rotated":
        await site.auth.accounts.refresh(pair.refresh_token)
    if which in {"rotated", "expired"}:
        clock.advance(EXPIRED)
    assert (await site.send("POST", "/auth/logout", cookies)).status == 200
    assert await site.session(pair) is None


async def test_a_logout_that_did_not_happen_keeps_the_cookies(start):
    """What is not done is not answered 200, and the browser can try again."""

    async def logout(session_id: str) -> bool:
        raise SentriError("SERVICE_UNAVAILABLE", "Not now.")

    site = await start(router={"logout": logout})
    response = await site.send("POST", "/auth/logout", shown(await site.log_in()))
    await assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert not cookies_of(response)


# --- in Python


@pytest.mark.parametrize("path", ["/start?user={user}", "/forget"])
async def test_there_is_nothing_to_set_without_configuration(start, path):
    site = await start(wire, cookie=None, access_cookie=None)
    user = await site.api.user()
    response = await site.send("GET", path.format(user=user.id))
    await assert_error(response, 500, "CONFIGURATION_ERROR")
    assert not cookies_of(response)


async def test_cookies_can_be_set_on_a_stream_and_on_a_redirect(start):
    """What a magic link answers with."""

    def wire_kinds(auth, app):
        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            auth.set_cookies(response, await auth.accounts.start_session(request.query["user"]))
            await response.prepare(request)
            return response

        async def redirect(request: web.Request) -> web.StreamResponse:
            response = web.HTTPSeeOther("/profile")
            auth.set_cookies(response, await auth.accounts.start_session(request.query["user"]))
            raise response

        app.router.add_get("/stream", stream)
        app.router.add_get("/redirect", redirect)

    site = await start(wire_kinds)
    user = await site.api.user()
    for path in ("/stream", "/redirect"):
        response = await site.send("GET", f"{path}?user={user.id}")
        assert (await site.send("GET", "/profile", taken(response))).status == 200, path
