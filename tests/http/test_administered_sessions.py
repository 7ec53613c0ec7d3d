"""Who is logged in where: /admin/…/sessions for admins, /me/sessions for users."""

from __future__ import annotations

import pytest

from sentri.randomness import new_id
from tests.support import PASSWORD, assert_error, data_of

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Möbius/1.0"
MALFORMED = ["1", "%00", "'", "6F1C1A52-7E0A-4C1E-9B7E-0D2F3A4B5C6D"]


@pytest.fixture
def events():
    """What was told."""
    return []


@pytest.fixture
async def api(make_api, events):
    return await make_api(hooks={"on_event": events.append}, trusted_proxies=["127.0.0.1"])


@pytest.fixture
async def admin(api):
    return await api.session(roles=("admin",))


@pytest.fixture
async def ann(api):
    return await api.user("Ann")


async def log_in(api, identifier, **headers):
    """The tokens of a new session."""
    body = {"identifier": identifier, "password": PASSWORD}
    return await data_of(await api.post("/auth/login", body, headers=headers))


async def own_sessions(api, token, query=""):
    return await data_of(await api.call("GET", f"/auth/me/sessions{query}", token=token))


def revoked_of(events):
    return [event for event in events if event.name == "session.revoked"]


async def test_a_user_sees_their_sessions_the_latest_first(api, ann, clock):
    first = await log_in(api, "ann", **{"User-Agent": "an old phone", "X-Forwarded-For": "2001:db8::1"})
    clock.advance(60)
    second = await log_in(api, "ann", **{"User-Agent": BROWSER, "X-Forwarded-For": "192.0.2.7, 127.0.0.1"})
    await api.session(await api.user("somebody else"))
    page = await own_sessions(api, second["accessToken"])
    shown = [(each["device"], each["address"], each["current"]) for each in page["sessions"]]
    assert shown == [(BROWSER, "192.0.2.7", True), ("an old phone", "2001:db8::1", False)]
    assert page["nextCursor"] is None
    latest = page["sessions"][0]
    assert latest["createdAt"] == latest["lastSeenAt"] > page["sessions"][1]["createdAt"]
    assert set(latest) == {"id", "current", "createdAt", "lastSeenAt", "expiresAt", "device", "address"}
    assert [each["current"] for each in (await own_sessions(api, first["accessToken"]))["sessions"]] == [False, True]


async def test_a_refresh_is_when_a_session_was_last_seen(api, ann, clock):
    tokens = await log_in(api, "ann")
    (before,) = (await own_sessions(api, tokens["accessToken"]))["sessions"]
    clock.advance(120)
    tokens = await data_of(await api.refresh(tokens["refreshToken"]))
    (after,) = (await own_sessions(api, tokens["accessToken"]))["sessions"]
    assert after["lastSeenAt"] > before["lastSeenAt"]
    assert (after["createdAt"], after["id"]) == (before["createdAt"], before["id"])


async def test_sessions_come_page_by_page(api, ann, clock):
    for number in range(5):
        await log_in(api, "ann", **{"User-Agent": f"device {number}"})
        clock.advance(1)
    token = (await api.session(ann)).access_token
    seen, cursor = [], ""
    for _ in range(3):
        page = await own_sessions(api, token, f"?limit=2{cursor}")
        seen += [each["device"] for each in page["sessions"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == [None, *(f"device {number}" for number in (4, 3, 2, 1, 0))]
    assert page["nextCursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "cursor=YQ", "search=a", "limit=1&limit=2"])
async def test_refuses_a_query_that_is_none(api, query):
    token = (await api.session()).access_token
    await assert_error(await api.call("GET", f"/auth/me/sessions?{query}", token=token), 400, "VALIDATION_ERROR")


async def test_expired_sessions_are_not_shown(api, ann, clock):
    await log_in(api, "ann")
    clock.advance("8d")
    token = (await log_in(api, "ann"))["accessToken"]
    assert len((await own_sessions(api, token))["sessions"]) == 1


async def test_a_user_ends_another_session_of_theirs(api, ann, events):
    here, there = await api.session(ann), await api.session(ann)
    path = f"/auth/me/sessions/{there.user.session_id}"
    response = await api.call("DELETE", path, token=here.access_token)
    assert "Set-Cookie" not in response.headers
    assert await data_of(response) is None
    await assert_error(await api.me(there.access_token), 401, "UNAUTHORIZED")
    await assert_error(await api.refresh(there.refresh_token), 401, "UNAUTHORIZED")
    await data_of(await api.me(here.access_token))
    await assert_error(await api.call("DELETE", path, token=here.access_token), 404, "NOT_FOUND")
    (event,) = revoked_of(events)
    assert (event.user_id, event.actor_id, event.reason) == (ann.id, None, "user")
    assert there.user.session_id not in str(event)


async def test_ending_the_session_that_asks_is_a_logout(api, ann, carriage):
    pair = await api.session(ann)
    response = await api.call("DELETE", f"/auth/me/sessions/{pair.user.session_id}", token=pair.access_token)
    cleared = {cookie.key for cookie in response.cookies.values() if not cookie.value}
    assert cleared == ({"access_token", "refresh_token"} if carriage == "cookie" else set())
    assert await data_of(response) is None
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")


async def test_another_one_is_ended_by_a_recent_login_alone_where_that_is_asked(make_api, clock):
    api = await make_api(reauth_within="5m")
    ann = await api.user("ann")
    here, there = await api.session(ann), await api.session(ann)
    clock.advance(301)
    response = await api.call("DELETE", f"/auth/me/sessions/{there.user.session_id}", token=here.access_token)
    await assert_error(response, 403, "REAUTHENTICATION_REQUIRED")
    await data_of(await api.me(there.access_token))
    anew = await api.session(ann)
    path = f"/auth/me/sessions/{there.user.session_id}"
    await data_of(await api.call("DELETE", path, token=anew.access_token))
    await assert_error(await api.me(there.access_token), 401, "UNAUTHORIZED")
    await data_of(await api.call("DELETE", f"/auth/me/sessions/{here.user.session_id}", token=here.access_token))


async def test_somebody_elses_session_is_none(api, ann, admin, events):
    theirs = await api.session(ann)
    path = f"/auth/me/sessions/{theirs.user.session_id}"
    for pair in (await api.session(), admin):
        await assert_error(await api.call("DELETE", path, token=pair.access_token), 404, "NOT_FOUND")
    await data_of(await api.me(theirs.access_token))
    assert not revoked_of(events)


@pytest.mark.parametrize("session_id", MALFORMED)
async def test_what_is_no_id_is_400(api, admin, session_id):
    for method, path in (("DELETE", "/me"), ("GET", "/admin"), ("DELETE", "/admin")):
        response = await api.call(method, f"/auth{path}/sessions/{session_id}", token=admin.access_token)
        error = await assert_error(response, 400, "VALIDATION_ERROR")
        assert error["message"].startswith("sessionId: ")


async def test_an_admin_sees_and_ends_anybodys_session(api, ann, admin, events):
    tokens = await log_in(api, "ann", **{"User-Agent": BROWSER, "X-Forwarded-For": "192.0.2.7"})
    token = admin.access_token
    page = await data_of(await api.call("GET", f"/auth/admin/users/{ann.id}/sessions", token=token))
    (session,) = page["sessions"]
    assert (session["userId"], session["device"], session["address"]) == (ann.id, BROWSER, "192.0.2.7")
    path = f"/auth/admin/sessions/{session['id']}"
    assert await data_of(await api.call("GET", path, token=token)) == {"session": session}
    assert await data_of(await api.call("DELETE", path, token=token)) is None
    await assert_error(await api.me(tokens["accessToken"]), 401, "UNAUTHORIZED")
    for method in ("GET", "DELETE"):
        await assert_error(await api.call(method, path, token=token), 404, "NOT_FOUND")
    (event,) = revoked_of(events)
    assert (event.user_id, event.actor_id, event.reason) == (ann.id, admin.user.id, "admin")


async def test_an_admin_ends_every_session_of_a_user(api, ann, admin, events):
    pairs = [await api.session(ann) for _ in range(3)]
    path = f"/auth/admin/users/{ann.id}/sessions"
    assert await data_of(await api.call("DELETE", path, token=admin.access_token)) == {"revoked": 3}
    assert await data_of(await api.call("DELETE", path, token=admin.access_token)) == {"revoked": 0}
    for pair in pairs:
        await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
    (event,) = revoked_of(events)
    assert (event.user_id, event.actor_id, event.reason, event.details["sessions"]) == (
        ann.id,
        admin.user.id,
        "admin",
        3,
    )


async def test_a_session_that_is_not_there_is_404(api, admin):
    for method, path in (("DELETE", "/me"), ("GET", "/admin"), ("DELETE", "/admin")):
        response = await api.call(method, f"/auth{path}/sessions/{new_id()}", token=admin.access_token)
        await assert_error(response, 404, "NOT_FOUND")


async def test_where_a_session_comes_from_is_not_kept_where_nobody_wants_it(make_api):
    api = await make_api(session_details=False, trusted_proxies=["127.0.0.1"])
    await api.user("Ann")
    tokens = await log_in(api, "ann", **{"User-Agent": BROWSER, "X-Forwarded-For": "192.0.2.7"})
    (session,) = (await own_sessions(api, tokens["accessToken"]))["sessions"]
    assert (session["device"], session["address"]) == (None, None)


async def test_an_address_that_is_everybodys_is_nobodys(make_api):
    """Without `trusted_proxies`, loopback may be a proxy in front of all clients."""
    api = await make_api()
    await api.user("Ann")
    tokens = await log_in(api, "ann", **{"User-Agent": BROWSER, "X-Forwarded-For": "192.0.2.7"})
    (session,) = (await own_sessions(api, tokens["accessToken"]))["sessions"]
    assert (session["device"], session["address"]) == (BROWSER, None)


async def test_a_replaced_login_is_described_too(make_api):
    async def login(identifier, password):
        return await made[0].accounts.login(identifier, password)

    made = []
    api = await make_api(router={"login": login}, trusted_proxies=["127.0.0.1"])
    made.append(api.auth)
    await api.user("Ann")
    tokens = await log_in(api, "ann", **{"User-Agent": BROWSER, "X-Forwarded-For": "192.0.2.7"})
    (session,) = (await own_sessions(api, tokens["accessToken"]))["sessions"]
    assert (session["device"], session["address"]) == (BROWSER, "192.0.2.7")
