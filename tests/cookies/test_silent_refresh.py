"""Silent refresh: for whom, how often, and what becomes of it where the session ends."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web

from sentri import SentriError, TokenPair, current_user
from sentri.storage import Sessions
from tests.cookies.conftest import (
    BOTH,
    DATABASES,
    EXPIRED,
    cookies_of,
    no_database,
    shown,
    taken,
)
from tests.hostile_tokens import HOSTILE, mint_of
from tests.support import PASSWORD, SECRET, assert_error

JUNK = "eyJhbGciOiJub25lIn0.e30."
IN_A_COOKIE = re.compile(r"[!#-+\--:<-\[\]-~]{1,4000}")
"""A value as browsers take it (RFC 6265, section 4.1.1), without quotes."""


def is_refreshed(response) -> bool:
    """Whether it brings both cookies, with tokens in them."""
    found = cookies_of(response)
    return set(found) == BOTH and not any(cookie.is_cleared for cookie in found.values())


def is_cleared(response) -> bool:
    """Whether it takes both cookies away."""
    found = cookies_of(response)
    return set(found) == BOTH and all(cookie.is_cleared for cookie in found.values())


async def assert_untouched(site, response, pair: TokenPair, status: int) -> None:
    """Refused, with the cookies as they are and no rotation."""
    assert response.status == status
    assert not cookies_of(response)
    assert await site.rotations(pair) == 0


# --- for whom


@pytest.mark.parametrize("access", ["expired", "absent", "empty"])
async def test_refreshes_where_the_access_token_is_expired_or_absent(site, access):
    pair = await site.expired()
    cookies = {
        "expired": shown(pair),
        "absent": shown(refresh_token=pair.refresh_token),
        "empty": shown(access_token="", refresh_token=pair.refresh_token),
    }[access]
    response = await site.send("GET", "/profile", cookies)
    assert (await response.json())["id"] == pair.user.id
    assert is_refreshed(response)
    assert await site.rotations(pair) == 1


async def test_leaves_a_good_access_token_alone(site, clock):
    pair = await site.log_in()
    clock.advance(15 * 60 - 1)
    await assert_untouched(site, await site.send("GET", "/profile", shown(pair)), pair, 200)
    clock.advance(1)
    assert is_refreshed(await site.send("GET", "/profile", shown(pair)))


async def test_does_not_refresh_an_invalid_access_token(site):
    """Whatever is wrong with it but `exp`, also where that is wrong too."""
    pair = await site.expired()
    mint = mint_of(pair.access_token, SECRET, "HS256", site.clock())
    tokens = {name: make(mint) for name, make in HOSTILE.items()}
    tokens = {name: token for name, token in tokens.items() if isinstance(token, str) and IN_A_COOKIE.fullmatch(token)}
    assert len(tokens) > 50
    for name, token in tokens.items():
        response = await site.send("GET", "/profile", shown(access_token=token, refresh_token=pair.refresh_token))
        assert (response.status, dict(response.cookies)) == (401, {}), name
    assert await site.rotations(pair) == 0


async def test_does_not_refresh_an_access_token_of_another_session(site):
    """Also of another session of the same user."""
    user = await site.api.user()
    one, two, other = await site.log_in(user), await site.log_in(user), await site.log_in()
    site.clock.advance(EXPIRED)
    for foreign in (two, other):
        cookies = shown(access_token=foreign.access_token, refresh_token=one.refresh_token)
        response = await site.send("GET", "/profile", cookies)
        await assert_error(response, 401, "TOKEN_EXPIRED")
        await assert_untouched(site, response, one, 401)


async def test_does_not_refresh_a_good_access_token_whose_session_has_ended(site):
    """The refresh cookie is good, and of another session: still the access token says who it is."""
    ended, living = await site.log_in(), await site.log_in()
    await site.auth.accounts.logout(ended.user.session_id)
    cookies = shown(access_token=ended.access_token, refresh_token=living.refresh_token)
    await assert_untouched(site, await site.send("GET", "/profile", cookies), living, 401)


@pytest.mark.parametrize("refresh", [None, "", JUNK, "access"])
async def test_needs_a_good_refresh_cookie(site, refresh):
    pair = await site.expired()
    value = {"refresh_token": pair.access_token if refresh == "access" else refresh} if refresh is not None else {}
    response = await site.send("GET", "/profile", shown(access_token=pair.access_token, **value))
    await assert_error(response, 401, "TOKEN_EXPIRED")
    await assert_untouched(site, response, pair, 401)


async def test_needs_a_refresh_cookie_that_is_not_expired(site, clock):
    pair = await site.log_in()
    clock.advance(8 * 86400)
    assert (await site.send("GET", "/profile", shown(pair))).status == 401


@pytest.mark.parametrize("options", [{"cookie": None}, {"access_cookie": None}], ids=["access alone", "refresh alone"])
async def test_needs_both_cookies_configured(start, options):
    site = await start(**options)
    pair = await site.expired()
    await assert_untouched(site, await site.send("GET", "/profile", shown(pair)), pair, 401)
    await assert_untouched(site, await site.send("GET", "/profile", shown(refresh_token=pair.refresh_token)), pair, 401)


@pytest.mark.parametrize(
    "value", ["", "Basic dXNlcjpwYXNz", "Digest x", "Bearer", "Bearer " + JUNK, "bearer x", "Negotiate", "good"]
)
async def test_needs_that_there_is_no_authorization_header(site, value):
    """Of any scheme, good or bad."""
    pair = await site.expired()
    fresh = await site.log_in()
    header = f"Bearer {fresh.access_token}" if value == "good" else value
    response = await site.send("GET", "/profile", shown(pair), headers={"Authorization": header})
    await assert_untouched(site, response, pair, 200 if value == "good" else 401)


# --- how often


@DATABASES
async def test_rotates_once_per_leeway(site, clock):
    """In between the current refresh token is sent again, with a fresh access token."""
    pair = await site.expired()
    first = await site.send("GET", "/profile", shown(pair))
    successor = cookies_of(first)["refresh_token"].value
    assert successor != pair.refresh_token
    for _ in range(3):
        clock.advance(19)
        again = await site.send("GET", "/profile", shown(refresh_token=successor))
        assert cookies_of(again)["refresh_token"].value == successor
    assert await site.rotations(pair) == 1
    clock.advance(3)
    last = await site.send("GET", "/profile", shown(refresh_token=successor))
    assert cookies_of(last)["refresh_token"].value != successor
    assert await site.rotations(pair) == 2


async def test_the_first_one_after_a_login_rotates(site):
    """However new the login is: it was no rotation, so one is to be had. Then the leeway counts."""
    pair = await site.log_in()
    first = await site.send("GET", "/profile", shown(refresh_token=pair.refresh_token))
    successor = cookies_of(first)["refresh_token"].value
    assert successor != pair.refresh_token
    again = await site.send("GET", "/profile", shown(refresh_token=successor))
    assert cookies_of(again)["refresh_token"].value == successor
    assert await site.rotations(pair) == 1


async def test_an_old_request_is_answered_with_the_successor(site, clock):
    """The predecessor, within the leeway: a request that left before the cookies arrived."""
    pair = await site.expired()
    first = await site.send("GET", "/profile", shown(pair))
    clock.advance(59)
    late = await site.send("GET", "/profile", shown(pair))
    assert late.status == 200
    assert cookies_of(late)["refresh_token"].value == cookies_of(first)["refresh_token"].value
    assert await site.rotations(pair) == 1


async def test_an_expired_predecessor_is_good_for_nothing(start, clock):
    """No more than `POST /refresh` takes it, though its session lives on and the leeway has not passed."""
    site = await start(refresh_expires_in="20m")
    pair = await site.log_in()
    clock.advance(20 * 60 - 10)
    first = await site.send("GET", "/profile", shown(pair))
    assert is_refreshed(first)
    clock.advance(11)
    for method, path in (("GET", "/profile"), ("POST", "/auth/refresh")):
        await assert_error(await site.send(method, path, shown(pair)), 401, "TOKEN_EXPIRED")
    assert (await site.send("GET", "/profile", taken(first))).status == 200


@DATABASES
async def test_parallel_requests_agree(site):
    """Eight with one expired token: all pass, one rotation, and the cookies of any of them work."""
    pair = await site.expired()
    responses = await asyncio.gather(*(site.send("GET", "/profile", shown(pair)) for _ in range(8)))
    assert [response.status for response in responses] == [200] * 8
    assert await site.rotations(pair) == 1
    assert len({cookies_of(response)["refresh_token"].value for response in responses}) == 1
    for response in responses:
        again = await site.send("GET", "/profile", taken(response))
        assert again.status == 200
        assert not cookies_of(again)
    site.clock.advance(EXPIRED)
    assert is_refreshed(await site.send("GET", "/profile", taken(responses[-1])))
    assert (await site.send("POST", "/auth/refresh", taken(responses[0]))).status == 200


@DATABASES
async def test_a_parallel_refresh_by_hand_agrees_too(site):
    pair = await site.expired()
    responses = await asyncio.gather(
        *(site.send("GET", "/profile", shown(pair)) for _ in range(4)),
        *(site.send("POST", "/auth/refresh", shown(pair)) for _ in range(4)),
    )
    assert [response.status for response in responses] == [200] * 8
    assert await site.rotations(pair) == 1
    assert len({cookies_of(response)["refresh_token"].value for response in responses}) == 1


# --- other sites

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
ELSEWHERE = {
    "fetch": {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "image": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "frame": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "object": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
    "navigation to nowhere": {"Sec-Fetch-Mode": "navigate"},
    "document without navigation": {"Sec-Fetch-Dest": "document"},
    "site alone": {},
}


@pytest.mark.parametrize("headers", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_is_not_for_other_sites(site, headers, method):
    pair = await site.expired()
    response = await site.send(method, "/profile", shown(pair), headers={"Sec-Fetch-Site": "cross-site", **headers})
    await assert_untouched(site, response, pair, 401)


async def _nobody(_: web.Request) -> web.Response:
    return web.Response()


async def test_is_for_who_followed_a_link(site):
    pair = await site.expired()
    response = await site.send("GET", "/profile", shown(pair), headers={"Sec-Fetch-Site": "cross-site", **NAVIGATION})
    assert is_refreshed(response)


@pytest.mark.parametrize("value", ["same-origin", "same-site", "none", "something new"])
async def test_is_for_every_other_origin_of_a_request(site, value):
    pair = await site.expired()
    assert is_refreshed(await site.send("GET", "/profile", shown(pair), headers={"Sec-Fetch-Site": value}))


async def test_other_sites_may_use_a_good_access_token_to_read(site):
    """Only the refresh is not theirs: what they may read is CORS's business."""
    pair = await site.log_in()
    assert (await site.send("GET", "/profile", shown(pair), headers={"Sec-Fetch-Site": "cross-site"})).status == 200


@pytest.mark.parametrize("site_header", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_an_unsafe_request_from_elsewhere_rotates_nothing(site, method, site_header):
    """Top-level navigation, which is a form's, or not."""
    pair = await site.expired()
    headers = {"Sec-Fetch-Site": site_header, "Origin": "https://evil.example", **NAVIGATION}
    for cookies in (shown(pair), shown(refresh_token=pair.refresh_token)):
        response = await site.send(method, "/profile", cookies, headers=headers)
        await assert_error(response, 403, "FORBIDDEN")
        await assert_untouched(site, response, pair, 403)


# --- who the handler sees


async def test_the_handler_runs_as_the_refreshed_user(start):
    """With the roles that they have now, and the token that the browser is about to get."""
    seen = []

    async def look(request: web.Request) -> web.Response:
        user = await auth_of[0].user(request)
        seen.append((user, current_user(request), auth_of[0].get_current_access_token(request)))
        return web.Response()

    auth_of = []

    def wire(auth, app):
        auth_of.append(auth)
        app.router.add_get("/open", look)
        app.router.add_get("/guarded", auth.authorize("editor")(auth.protect(look)))

    site = await start(wire)
    pair = await site.log_in()
    await site.auth.accounts.assign_roles(pair.user.id, ["editor"])
    site.clock.advance(EXPIRED)
    for path in ("/open", "/guarded"):
        response = await site.send("GET", path, shown(pair))
        assert response.status == 200
        user, current, token = seen.pop()
        assert user == current
        assert user.roles == ("user", "editor")
        assert user.session_id == pair.user.session_id
        assert token == cookies_of(response)["access_token"].value
        assert site.auth.verify_access_token(token) == user


async def test_several_guards_refresh_once(start):
    """Middleware, decorators and the handler ask for the user; the store is asked to rotate once."""
    asked = []

    async def refresh(refresh_token: str) -> TokenPair:
        asked.append(refresh_token)
        return await site.auth.accounts.refresh(refresh_token)

    def wire(auth, app):
        async def handler(request: web.Request) -> web.Response:
            await auth.user(request)
            return web.Response()

        app.router.add_get("/it", auth.protect(auth.authorize("user")(handler)))

    site = await start(
        wire,
        middlewares=lambda auth: [auth.error_middleware(), auth.protect_middleware()],
        router={"refresh": refresh},
    )
    pair = await site.expired()
    assert is_refreshed(await site.send("GET", "/it", shown(pair)))
    assert asked == [pair.refresh_token]


async def test_a_role_that_is_missing_is_403_with_new_cookies(start):
    """A refusal after the refresh says nothing about the session."""
    site = await start(lambda auth, app: app.router.add_get("/admin", auth.authorize("admin")(_nobody)))
    response = await site.send("GET", "/admin", shown(await site.expired()))
    await assert_error(response, 403, "FORBIDDEN")
    assert is_refreshed(response)


async def test_a_page_for_all_is_refreshed_or_shown_to_nobody(start):
    """`auth.user` refreshes too; what refuses it elsewhere makes it None, and clears what is of no use."""

    def wire(auth, app):
        async def page(request: web.Request) -> web.Response:
            user = await auth.user(request)
            return web.json_response(user and user.id)

        app.router.add_get("/page", page)

    site = await start(wire)
    pair = await site.expired()
    response = await site.send("GET", "/page", shown(pair))
    assert await response.json() == pair.user.id
    assert is_refreshed(response)
    ended = await site.expired()
    await site.auth.accounts.logout(ended.user.session_id)
    response = await site.send("GET", "/page", shown(ended))
    assert (response.status, await response.json()) == (200, None)
    assert is_cleared(response)


async def test_a_replaced_service_is_used(start):
    """For the rotation; in between nothing has to be rotated, so it is not asked."""
    asked = []

    async def refresh(refresh_token: str) -> TokenPair:
        asked.append(refresh_token)
        return await site.auth.accounts.refresh(refresh_token)

    site = await start(router={"refresh": refresh})
    pair = await site.expired()
    response = await site.send("GET", "/profile", shown(pair))
    assert is_refreshed(response)
    assert is_refreshed(
        await site.send("GET", "/profile", shown(refresh_token=cookies_of(response)["refresh_token"].value))
    )
    assert asked == [pair.refresh_token]


# --- ended in the same request


def that_ends_the_session(auth, app):
    async def logout(request: web.Request) -> None:
        await auth.accounts.logout(current_user(request).session_id)

    async def logout_all(request: web.Request) -> None:
        await auth.accounts.logout_all(current_user(request).id)

    async def change_password(request: web.Request) -> None:
        await auth.accounts.change_password(current_user(request).id, PASSWORD, "another password")

    def guarded(end):
        async def handler(request: web.Request) -> web.Response:
            await end(request)
            return web.Response(text="done")

        return auth.protect(handler)

    for end in (logout, logout_all, change_password):
        app.router.add_get(f"/{end.__name__}", guarded(end))


@DATABASES
@pytest.mark.parametrize("path", ["/logout", "/logout_all", "/change_password"])
async def test_a_handler_that_ends_the_session_discards_the_new_cookies(start, path):
    site = await start(that_ends_the_session)
    pair = await site.expired()
    response = await site.send("GET", path, shown(pair))
    assert (response.status, await response.text()) == (200, "done")
    assert not any(not cookie.is_cleared for cookie in cookies_of(response).values())
    assert await site.session(pair) is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/auth/logout", None),
        ("POST", "/auth/logout-all", None),
        ("PATCH", "/auth/me/password", {"currentPassword": PASSWORD, "newPassword": "another password"}),
    ],
)
async def test_an_endpoint_that_ends_the_session_clears_the_cookies(site, method, path, body):
    """Each cookie comes once, cleared: no order of headers could bring it back."""
    pair = await site.expired()
    response = await site.send(method, path, shown(pair), json=body)
    assert response.status == 200
    assert is_cleared(response)
    assert await site.session(pair) is None


async def test_a_wrong_password_keeps_the_refreshed_session(site):
    pair = await site.expired()
    body = {"currentPassword": "wrong horse", "newPassword": "another password"}
    response = await site.send("PATCH", "/auth/me/password", shown(pair), json=body)
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    assert is_refreshed(response)
    assert (await site.send("GET", "/profile", taken(response))).status == 200


async def test_a_session_that_another_request_ends_meanwhile_brings_no_cookies(start):
    """Between the refresh and the response."""

    def wire(auth, app):
        async def handler(request: web.Request) -> web.Response:
            await Sessions(site.api.database, site.clock).end(current_user(request).session_id)
            return web.Response()

        app.router.add_get("/it", auth.protect(handler))

    site = await start(wire)
    assert not cookies_of(await site.send("GET", "/it", shown(await site.expired())))


# --- failed


@DATABASES
@pytest.mark.parametrize("end", ["logout", "disable"])
async def test_clears_the_cookies_of_a_session_that_is_gone(site, end):
    pair = await site.expired()
    if end == "logout":
        await site.auth.accounts.logout(pair.user.session_id)
    else:
        await site.api.disable(pair.user.id)
    response = await site.send("GET", "/profile", shown(pair))
    await assert_error(response, 401, "UNAUTHORIZED")
    assert is_cleared(response)


@DATABASES
async def test_a_stolen_token_ends_the_session_and_clears(start, told, hooks):
    """A spent refresh token that comes back after the leeway."""
    site = await start(hooks=hooks)
    pair = await site.expired()
    response = await site.send("GET", "/profile", shown(pair))
    site.clock.advance(EXPIRED)
    stolen = await site.send("GET", "/profile", shown(pair))
    assert stolen.status == 401
    assert is_cleared(stolen)
    assert await site.session(pair) is None
    assert [entry[0] for entry in told] == ["on_token_reuse"]
    assert (await site.send("GET", "/profile", taken(response))).status == 401


@pytest.mark.parametrize(
    ("code", "status"),
    [("SERVICE_UNAVAILABLE", 503), ("FORBIDDEN", 403), ("RATE_LIMITED", 429), ("INTERNAL_ERROR", 500)],
)
async def test_keeps_the_cookies_where_it_cannot_be_told(start, code, status):
    async def refresh(refresh_token: str) -> TokenPair:
        raise SentriError(code, "Not now.")

    site = await start(router={"refresh": refresh})
    pair = await site.expired()
    await assert_untouched(site, await site.send("GET", "/profile", shown(pair)), pair, status)
    await assert_untouched(site, await site.send("POST", "/auth/refresh", shown(pair)), pair, status)


async def test_keeps_the_cookies_while_the_database_is_down(site, monkeypatch):
    pair = await site.expired()
    with monkeypatch.context() as down:
        down.setattr(Sessions, "read", no_database)
        for method, path in (("GET", "/profile"), ("POST", "/auth/refresh")):
            response = await site.send(method, path, shown(pair))
            await assert_error(response, 503, "SERVICE_UNAVAILABLE")
            assert not cookies_of(response)
    assert is_refreshed(await site.send("GET", "/profile", shown(pair)))


async def test_brings_the_cookies_of_a_rotation_when_the_database_goes_down_after_it(start, monkeypatch):
    """It cannot say any more whether the session still stands; what was issued stays good."""

    def wire(auth, app):
        async def handler(_: web.Request) -> web.Response:
            monkeypatch.setattr(Sessions, "read", no_database)
            return web.Response()

        app.router.add_get("/it", auth.protect(handler))

    site = await start(wire)
    response = await site.send("GET", "/it", shown(await site.expired()))
    assert response.status == 200
    assert is_refreshed(response)
    monkeypatch.undo()
    assert (await site.send("GET", "/profile", taken(response))).status == 200


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_revoked_session_is_not_refreshed(start, kind):
    """Neither by a rotation nor within the leeway."""
    revoked = set()

    async def ask(session_id: str) -> bool:
        return session_id in revoked

    site = await start(is_token_revoked=ask if kind == "async" else revoked.__contains__)
    pair = await site.expired()
    fresh = await site.log_in()
    revoked |= {pair.user.session_id, fresh.user.session_id}
    for cookies in (shown(pair), shown(refresh_token=fresh.refresh_token)):
        response = await site.send("GET", "/profile", cookies)
        await assert_error(response, 401, "UNAUTHORIZED")
        assert not is_refreshed(response)
    assert await site.rotations(pair) == 0
    assert await site.rotations(fresh) == 0


async def test_no_answer_about_revocation_is_503_and_keeps_the_cookies(start):
    def ask(session_id: str) -> bool:
        raise RuntimeError("on purpose")

    site = await start(is_token_revoked=ask)
    pair = await site.expired()
    await assert_untouched(site, await site.send("GET", "/profile", shown(pair)), pair, 503)
    await assert_untouched(site, await site.send("GET", "/profile", shown(refresh_token=pair.refresh_token)), pair, 503)


# --- sentri's own endpoints


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/auth/me", None, 200),
        ("PATCH", "/auth/me/identifier", {"identifier": "somebody new"}, 200),
        ("POST", "/auth/users/11111111-2222-4333-8444-555555555555/roles", {"roles": ["user"]}, 403),
    ],
)
async def test_the_endpoints_refresh_too(site, method, path, body, status):
    response = await site.send(method, path, shown(await site.expired()), json=body)
    assert response.status == status
    assert is_refreshed(response)
    assert b"refreshToken" not in await response.read()


@pytest.mark.parametrize(
    ("options", "warned"), [({}, False), ({"refresh_leeway": 0}, True), ({"refresh_leeway": 0, "cookie": None}, False)]
)
async def test_warns_of_silent_refresh_without_a_leeway(start, caplog, options, warned):
    """The second of two parallel requests of one page would count as theft, and end the session."""
    await start(**options)
    assert ("refresh_leeway is 0" in caplog.text) is warned
