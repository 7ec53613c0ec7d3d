"""Who is let in: current sessions of enabled users, by a Bearer header, and by nothing else."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web

from sentri import USER, SentriError, current_user
from tests.guards.conftest import FOR_ADMINS, FOR_USERS
from tests.hostile_tokens import HOSTILE, mint_of
from tests.support import PASSWORD, SECRET, assert_error

ALL = pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"], indirect=True)


async def shown(request: web.Request) -> web.Response:
    user = current_user(request)
    assert request[USER] is user
    assert request["user"] is user
    return web.json_response({**user.to_dict(), "session": user.session_id, "issuer": user.issuer})


def wire(auth, app):
    """`/it` for users, `/admin` for admins, `/open` for all, `/forgotten` without the guard that it needs."""

    async def open_to_all(request):
        user = await auth.user(request)
        token = auth.get_current_access_token(request)
        return web.json_response({"user": user and user.identifier, "token": token, "in": USER in request})

    app.router.add_get("/it", auth.protect(shown))
    app.router.add_get("/admin", auth.authorize("admin")(shown))
    app.router.add_get("/open", open_to_all)
    app.router.add_get("/forgotten", shown)


# --- the session and the user, as they are now


@ALL
async def test_shows_the_user_as_they_are_now_not_as_the_token_says(guarded):
    api = await guarded(wire)
    accounts, user = api.api.auth.accounts, api.user.user
    assert await api.status("GET", "/admin", api.user) == 403
    await accounts.assign_roles(user.id, ["admin"])
    await accounts.change_identifier(user.id, "Somebody New")
    body = await (await api.api.call("GET", "/admin", token=api.user.access_token)).json()
    assert body == {
        "id": user.id,
        "identifier": "Somebody New",
        "roles": ["user", "admin"],
        "session": user.session_id,
        "issuer": None,
    }


async def test_roles_in_the_token_give_nothing(guarded, clock):
    """Validly signed, and still not what decides."""
    api = await guarded(wire)
    mint = mint_of(api.user.access_token, SECRET, "HS256", clock())
    response = await api.api.call("GET", "/admin", token=mint.token(roles=["admin"], identifier="root"))
    await assert_error(response, 403, "FORBIDDEN")
    body = await (await api.api.call("GET", "/it", token=mint.token(roles=["admin"], identifier="root"))).json()
    assert (body["identifier"], body["roles"]) == (api.user.user.identifier, ["user"])


async def _log_out(api):
    await api.api.auth.accounts.logout(api.user.user.session_id)


async def _log_out_everywhere(api):
    await api.api.auth.accounts.logout_all(api.user.user.id)


async def _change_password(api):
    await api.api.auth.accounts.change_password(api.user.user.id, PASSWORD, "another password")


async def _disable(api):
    await api.api.disable(api.user.user.id)


async def _delete(api):
    """Behind the server's back."""
    sql = api.api.database.driver.sql("DELETE FROM sentri_users WHERE id = ?")
    assert await api.api.database.call(lambda session: session.run(sql, api.user.user.id)) == 1


@ALL
@pytest.mark.parametrize("end", [_log_out, _log_out_everywhere, _change_password, _disable, _delete])
async def test_refuses_the_next_request_after(guarded, end):
    api = await guarded(wire)
    assert await api.status("GET", "/it", api.user) == 200
    await end(api)
    response = await api.api.call("GET", "/it", token=api.user.access_token)
    await assert_error(response, 401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    with pytest.raises(SentriError, match="UNAUTHORIZED"):
        await api.api.auth.authenticate(api.user.access_token)
    assert api.api.auth.verify_access_token(api.user.access_token).id == api.user.user.id  # the token alone
    assert await api.status("GET", "/it", api.admin) == 200


async def test_refuses_a_session_past_its_end(guarded, clock):
    """A token may claim to live longer than its session does: the database decides."""
    api = await guarded(wire, refresh_expires_in="1h")
    mint = mint_of(api.user.access_token, SECRET, "HS256", clock())
    token = mint.token(exp=clock() + 86400)
    clock.advance(3599)
    assert (await api.api.call("GET", "/it", token=token)).status == 200
    clock.advance(1)
    await assert_error(await api.api.call("GET", "/it", token=token), 401, "UNAUTHORIZED")


async def test_refuses_the_session_of_another_user(guarded, clock):
    api = await guarded(wire)
    mint = mint_of(api.user.access_token, SECRET, "HS256", clock())
    for claims in (
        {"sid": api.admin.user.session_id},
        {"sub": api.admin.user.id},
        {"sid": api.user.user.id},
        {"sub": "00000000-0000-0000-0000-000000000000"},
    ):
        response = await api.api.call("GET", "/it", token=mint.token(**claims))
        await assert_error(response, 401, "UNAUTHORIZED")


async def test_an_expired_token_is_refused_and_told_so(guarded, clock):
    api = await guarded(wire)
    clock.advance(900)
    response = await api.api.call("GET", "/it", token=api.user.access_token)
    await assert_error(response, 401, "TOKEN_EXPIRED")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_a_refresh_token_opens_nothing(guarded):
    api = await guarded(wire)
    response = await api.api.call("GET", "/it", token=api.user.refresh_token)
    await assert_error(response, 401, "TOKEN_INVALID")


async def test_every_hostile_token_that_fits_in_a_header_is_401(guarded, clock):
    api = await guarded(wire)
    mint = mint_of(api.user.access_token, SECRET, "HS256", clock())
    for name, build in HOSTILE.items():
        token = build(mint)
        sendable = isinstance(token, str) and len(token) < 8000 and token.isascii() and token.isprintable()
        if sendable and token.strip() == token and not token.startswith("Bearer"):
            response = await api.api.call("GET", "/it", token=token)
            body = await response.text()
            assert (response.status, "TOKEN_INVALID" in body) == (401, True), name
            assert len(token) < 8 or token not in body
            with pytest.raises(SentriError, match="TOKEN_INVALID"):
                await api.api.auth.authenticate(token)


# --- revocation


@pytest.mark.parametrize(
    ("answer", "status"),
    [(False, 200), (True, 401), (None, 503), (0, 503), ("no", 503), (RuntimeError("down"), 503), (TimeoutError(), 503)],
    ids=str,
)
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_is_token_revoked_decides_and_no_answer_is_no_pass(guarded, answer, status, kind):
    asked = []

    def plain(session_id):
        asked.append(session_id)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def later(session_id):
        return plain(session_id)

    api = await guarded(wire, is_token_revoked=later if kind == "async" else plain)
    assert await api.status("GET", "/it", api.user) == status
    assert set(asked) == {api.user.user.session_id}


# --- the Authorization header

GOOD_FORMS = ["Bearer {}", "bearer {}", "BEARER {}", "bEaReR {}", "Bearer   {}", "Bearer {}  ", "   Bearer {}"]
BAD_FORMS = {
    "no scheme": ("{}", "UNAUTHORIZED"),
    "scheme alone": ("Bearer", "TOKEN_INVALID"),
    "scheme and space": ("Bearer ", "TOKEN_INVALID"),
    "empty": ("", "UNAUTHORIZED"),
    "space": (" ", "UNAUTHORIZED"),
    "Basic": ("Basic {}", "UNAUTHORIZED"),
    "Digest": ("Digest {}", "UNAUTHORIZED"),
    "Token": ("Token {}", "UNAUTHORIZED"),
    "Bearers": ("Bearers {}", "UNAUTHORIZED"),
    "colon": ("Bearer: {}", "UNAUTHORIZED"),
    "no space": ("Bearer{}", "UNAUTHORIZED"),
    "underscore": ("Bearer_{}", "UNAUTHORIZED"),
    "quotes": ('Bearer "{}"', "TOKEN_INVALID"),
    "parameter": ("Bearer token={}", "TOKEN_INVALID"),
    "comma": ("Bearer {},", "TOKEN_INVALID"),
    "two in one": ("Bearer {0}, Bearer {0}", "TOKEN_INVALID"),
    "two tokens": ("Bearer {0} {0}", "TOKEN_INVALID"),
    "doubled scheme": ("Bearer Bearer {}", "TOKEN_INVALID"),
    "not ASCII": ("Bearer {}é", "TOKEN_INVALID"),
    "not ASCII scheme": ("Béarer {}", "UNAUTHORIZED"),
    "long": ("Bearer " + "A" * 8000, "TOKEN_INVALID"),
}


@pytest.mark.parametrize("form", GOOD_FORMS)
async def test_takes_the_scheme_in_any_case_and_any_spaces(guarded, form):
    api = await guarded(wire)
    headers = {"Authorization": form.format(api.user.access_token)}
    assert await api.status("GET", "/it", headers=headers) == 200


@pytest.mark.parametrize("name", BAD_FORMS)
async def test_refuses_the_header(guarded, name):
    api = await guarded(wire)
    form, code = BAD_FORMS[name]
    response = await api.api.call("GET", "/it", headers={"Authorization": form.format(api.user.access_token)})
    await assert_error(response, 401, code)
    challenge = 'Bearer error="invalid_token"' if code == "TOKEN_INVALID" else "Bearer"
    assert response.headers["WWW-Authenticate"] == challenge


async def test_a_header_beyond_every_limit_opens_nothing(guarded):
    api = await guarded(wire)
    assert await api.status("GET", "/it", headers={"Authorization": "Bearer " + "A" * 100_000}) in {400, 401}


@pytest.mark.parametrize("others", [["Bearer {}"], ["Basic eA=="], ["Bearer x"], ["Bearer {}", "Bearer {}"]], ids=str)
@pytest.mark.parametrize("first", [True, False])
async def test_refuses_a_second_authorization_header(guarded, others, first):
    """Nobody can say which one counts."""
    api = await guarded(wire)
    values = [value.format(api.user.access_token) for value in ["Bearer {}", *others][:: 1 if first else -1]]
    response = await api.api.client.get("/it", headers=[("Authorization", value) for value in values])
    await assert_error(response, 401, "TOKEN_INVALID")


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"headers": {"Cookie": "access_token={}"}},
        {"headers": {"X-Authorization": "Bearer {}"}},
        {"headers": {"Proxy-Authorization": "Bearer {}"}},
        {"params": {"access_token": "{}"}},
    ],
    ids=str,
)
async def test_a_token_elsewhere_counts_for_nothing(guarded, elsewhere):
    api = await guarded(wire)
    sent = {kind: {k: v.format(api.user.access_token) for k, v in parts.items()} for kind, parts in elsewhere.items()}
    response = await api.api.client.get("/it", **sent)
    await assert_error(response, 401, "UNAUTHORIZED")


# --- what handlers are given


async def test_user_serves_pages_that_are_open_to_all(guarded):
    api = await guarded(wire)
    nobody = await (await api.api.call("GET", "/open")).json()
    assert nobody == {"user": None, "token": None, "in": False}
    somebody = await (await api.api.call("GET", "/open", token=api.user.access_token)).json()
    assert somebody == {"user": api.user.user.identifier, "token": api.user.access_token, "in": True}
    assert await (await api.api.call("GET", "/open", token="bad")).json() == nobody
    await _log_out(api)
    assert await (await api.api.call("GET", "/open", token=api.user.access_token)).json() == nobody


async def test_user_does_not_take_an_outage_for_nobody(guarded):
    api = await guarded(wire, is_token_revoked=lambda session_id: None)
    assert await api.status("GET", "/open", api.user) == 503


async def test_current_user_without_a_guard_is_401_and_says_why_in_the_log(guarded, caplog):
    api = await guarded(wire)
    with caplog.at_level(logging.ERROR, "sentri"):
        response = await api.api.call("GET", "/forgotten", token=api.user.access_token)
    await assert_error(response, 401, "UNAUTHORIZED")
    assert "no guard ran" in caplog.text
    assert api.user.access_token not in caplog.text


async def test_the_current_access_token_is_that_of_the_request(guarded):
    def wire_token(auth, app):
        async def handler(request):
            return web.Response(text=auth.get_current_access_token(request))

        app.router.add_get("/it", auth.protect(handler))

    api = await guarded(wire_token)
    response = await api.api.call("GET", "/it", token=api.user.access_token)
    assert await response.text() == api.user.access_token


# --- forgeries


def forging(make):
    """A middleware of the host that leaves something in the request before the guard runs."""

    @web.middleware
    async def forge(request, handler):
        make(request)
        return await handler(request)

    return lambda auth: [forge]


def _forged_user():
    from sentri import AuthUser  # noqa: PLC0415

    return AuthUser("00000000-0000-4000-8000-000000000000", "root", ("admin", "user"), "x")


@pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")
@pytest.mark.parametrize("key", ["user", USER, "sentri.user", "auth", web.RequestKey("sentri.user", object)], ids=str)
async def test_guards_do_not_trust_what_others_left_in_the_request(guarded, key):
    def make(request):
        request[key] = _forged_user()

    api = await guarded(wire, middlewares=forging(make))
    assert await api.statuses("/it") == FOR_USERS
    assert await api.statuses("/admin") == FOR_ADMINS
    body = await (await api.api.call("GET", "/it", token=api.user.access_token)).json()
    assert body["identifier"] == api.user.user.identifier


async def test_what_a_handler_changes_in_the_request_does_not_let_the_next_one_in(guarded):
    """The innermost guard asks anew: a middleware between two guards cannot make somebody an admin."""

    def wire_between(auth, app):
        async def between(request):
            request[USER] = _forged_user()
            return await auth.authorize("admin")(shown)(request)

        app.router.add_get("/it", auth.protect(between))

    assert await (await guarded(wire_between)).statuses("/it") == FOR_ADMINS
