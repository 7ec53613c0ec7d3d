"""The short examples of the guides and of the reference: each is put into an application, and does what it says."""

from __future__ import annotations

import json
import os
import re
from types import SimpleNamespace

import pytest
from aiohttp import web

import sentri
from sentri import AuthServer, AuthUser, RateLimit, SentriError, create_auth, create_auth_server
from tests.docs.pages import block, executed
from tests.support import PASSWORD, SECRET, assert_error, data_of, serving

ANN = {"identifier": "ann", "password": PASSWORD}
SETTINGS = {"db": "sqlite://:memory:", "secret": SECRET, "valid_roles": ("user", "admin", "editor"), "salt_rounds": 10}


def created(*_: object, **given: object) -> AuthServer:
    """`create_auth(..., option=…)`: the examples' dots stand for what every application has to give."""
    return create_auth(**SETTINGS | given)


async def answer(_: web.Request) -> web.Response:
    return web.json_response({})


def with_bodies(text: str) -> str:
    """The example, whose handlers `...` do something."""
    return text.replace("(request): ...", "(request): return web.json_response({})")


def application(auth: AuthServer) -> web.Application:
    app = web.Application()
    auth.setup(app)
    return app


async def headers_of(auth: AuthServer, *roles: str, identifier: str = "ann") -> tuple[dict[str, str], str]:
    """A new user's header, and their id."""
    user = await auth.users.create(identifier, PASSWORD, roles=roles)
    pair = await auth.accounts.start_session(user.id)
    return {"Authorization": f"Bearer {pair.access_token}"}, user.id


# --- guards


async def test_each_guard_lets_in_whom_its_comment_names():
    auth = created()
    names = executed(with_bodies(block("docs/guards.md", "@auth.protect  ")), auth=auth, web=web, AuthUser=AuthUser)
    app = application(auth)
    app.add_routes([web.get(f"/{name}/{{id}}", names[name]) for name in ("profile", "publish", "show", "edit")])
    async with serving(app) as client:
        own, own_id = await headers_of(auth, "user")
        editor, _ = await headers_of(auth, "editor", identifier="eve")
        admin, _ = await headers_of(auth, "admin", identifier="root")
        expected = {"profile": (200, 200, 200), "publish": (403, 200, 200), "show": (200, 403, 403)}
        for name, statuses in (expected | {"edit": (200, 403, 200)}).items():
            answers = [await client.get(f"/{name}/{own_id}", headers=headers) for headers in (own, editor, admin)]
            assert tuple(each.status for each in answers) == statuses, name
            await assert_error(await client.get(f"/{name}/{own_id}"), 401, "UNAUTHORIZED")


async def test_a_whole_application_is_closed_but_for_what_it_excludes():
    names = executed(block("docs/guards.md", "protect_middleware(exclude"), auth=created(), web=web)
    app = names["app"]
    app.add_routes([web.get(path, answer) for path in ("/health", "/docs", "/docs/{page}", "/documents")])
    async with serving(app) as client:
        for path, status in {"/health": 200, "/docs": 200, "/docs/a": 200, "/documents": 401, "/nowhere": 401}.items():
            assert (await client.get(path)).status == status, path


async def test_imported_guards_find_the_auth_object_and_fail_closed_without_one():
    names = executed(with_bodies(block("docs/guards.md", "from sentri import authorize")), web=web)
    auth = created()
    app, bare = application(auth), web.Application(middlewares=[auth.error_middleware()])
    for each in (app, bare):
        each.router.add_get("/profile", names["profile"])
    async with serving(app) as client, serving(bare) as without:
        headers, _ = await headers_of(auth)
        assert (await client.get("/profile", headers=headers)).status == 200
        await assert_error(await client.get("/profile"), 401, "UNAUTHORIZED")
        await assert_error(await without.get("/profile", headers=headers), 500, "CONFIGURATION_ERROR")


# --- hooks, services, events


async def test_whoever_registers_is_welcomed():
    mails = []

    async def send_mail(to: str) -> None:
        mails.append(to)

    text = block("docs/hooks-and-services.md", "async def welcome")
    auth = executed(text, create_auth=created, send_mail=send_mail, AuthUser=AuthUser)["auth"]
    async with serving(application(auth)) as client:
        await data_of(await client.post("/auth/register", json=ANN), 201)
        await assert_error(await client.post("/auth/register", json=ANN), 409, "USER_ALREADY_EXISTS")
    assert mails == ["ann"]


async def test_a_replaced_service_wraps_the_one_that_is_built_in():
    customers = []

    async def create_customer(user_id: str) -> None:
        customers.append(user_id)

    text = block("docs/hooks-and-services.md", "create_customer")
    auth = executed(text, create_auth=created, create_customer=create_customer, AuthUser=AuthUser)["auth"]
    async with serving(application(auth)) as client:
        user = (await data_of(await client.post("/auth/register", json=ANN), 201))["user"]
    assert customers == [user["id"]]


async def test_events_are_recorded_and_a_stolen_session_is_mailed_about():
    trail, mails = [], []

    async def append(event: dict) -> None:
        trail.append(event["event"])

    async def mail_to(user_id: str, text: str) -> None:
        mails.append((user_id, text))

    text = block("docs/events.md", "async def record")
    names = {
        "create_auth": created,
        "sentri": sentri,
        "mail_to": mail_to,
        "audit_trail": SimpleNamespace(append=append),
    }
    auth = executed(text, **names)["auth"]
    async with serving(application(auth)) as client:
        _, user_id = await headers_of(auth)
        token = (await auth.accounts.start_session(user_id)).refresh_token
        first = token
        for _ in range(2):
            token = (await auth.accounts.refresh(token)).refresh_token
        await assert_error(await client.post("/auth/refresh", json={"refreshToken": first}), 401, "TOKEN_INVALID")
    assert mails == [(user_id, "Somebody else had your session. We ended it.")]
    assert {"user.created", "session.revoked"} <= set(trail)


# --- errors, wiring


async def test_every_answer_has_the_shape_that_is_shown():
    success, failure = map(json.loads, block("docs/errors.md", "Logged in", "json").splitlines())
    auth = created()
    async with serving(application(auth)) as client:
        await auth.users.create("ann", PASSWORD)
        shown = await (await client.post("/auth/login", json=ANN)).json()
        assert {name: value for name, value in shown.items() if name != "data"} == without_data(success)
        assert success["data"].keys() <= shown["data"].keys()
        assert await (await client.get("/auth/nowhere")).json() == failure


def without_data(envelope: dict) -> dict:
    return {name: value for name, value in envelope.items() if name != "data"}


async def test_an_error_of_the_applications_own_has_that_shape_too():
    failure = executed(block("docs/errors.md", "OutOfCredit"), SentriError=SentriError)["OutOfCredit"]

    async def buy(_: web.Request) -> web.Response:
        raise failure

    app = application(created())
    app.router.add_post("/buy", buy)
    async with serving(app) as client:
        error = await assert_error(await client.post("/buy"), 402, "OUT_OF_CREDIT")
        assert error["message"] == "There is no credit left."


@pytest.mark.parametrize("holding", ["middlewares=", "auth.setup("])
async def test_both_ways_of_wiring_serve_the_endpoints_and_format_errors(holding):
    app = web.Application()
    names = executed(block("docs/configuration.md", holding), auth=created(), web=web, app=app)
    async with serving(names["app"]) as client:
        await data_of(await client.post("/auth/register", json=ANN), 201)
        await assert_error(await client.get("/auth/me"), 401, "UNAUTHORIZED")
    assert (sentri.AUTH in names["app"]) == (holding == "auth.setup(")


# --- sessions, keys, limits


async def test_somebody_is_logged_in_without_a_password():
    auth = created(cookie={}, access_cookie={})
    text = block("docs/sessions-and-tokens.md", "start_session(user_id)")

    async def link(request: web.Request) -> web.Response:
        response = web.Response()
        names = {"auth": auth, "user_id": request.query["user"], "response": response}
        await executed(f"async def example():\n{indented(text)}", **names)["example"]()
        return response

    app = application(auth)
    app.router.add_get("/link", link)
    async with serving(app) as client:
        _, user_id = await headers_of(auth)
        response = await client.get("/link", params={"user": user_id})
        assert set(response.cookies) == {"refresh_token", "access_token"}
        headers = {"Cookie": f"access_token={response.cookies['access_token'].value}"}
        assert (await data_of(await client.get("/auth/me", headers=headers)))["id"] == user_id


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


async def test_a_magic_link_logs_in_and_leads_home():
    auth = created(cookie={}, access_cookie={})
    spent = []

    async def spend(code: str) -> str:
        spent.append(code)
        return user_id

    names = {"auth": auth, "web": web, "spend": spend}
    app = application(auth)
    app.router.add_get("/link", executed(block("docs/browser-apps.md", "magic_link"), **names)["magic_link"])
    async with serving(app) as client:
        _, user_id = await headers_of(auth)
        response = await client.get("/link?code=once", allow_redirects=False)
        assert (response.status, response.headers["Location"], spent) == (303, "/", ["once"])
        assert set(response.cookies) == {"refresh_token", "access_token"}


async def test_a_login_of_ones_own_says_where_it_came_from():
    auth = created()
    text = f"async def example():\n{indented(block('docs/administration.md', 'device = request'))}"

    async def login(request: web.Request) -> web.Response:
        user = await auth.users.create("ann", PASSWORD)
        await executed(text, auth=auth, user=user, request=request)["example"]()
        return web.json_response({"id": user.id})

    app = application(auth)
    app.router.add_post("/login", login)
    async with serving(app) as client:
        told = await (await client.post("/login", headers={"User-Agent": "a phone"})).json()
        [session] = (await auth.sessions.list(told["id"])).items
        assert (session.device, session.address) == ("a phone", "127.0.0.1")


async def test_cookies_are_turned_on_with_every_default(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite://:memory:")
    monkeypatch.setenv("AUTH_SECRET", SECRET)
    names = {"create_auth": create_auth, "os": os, "app": web.Application()}
    names = executed(block("docs/browser-apps.md", 'os.environ["AUTH_SECRET"]'), **names)
    async with serving(names["app"]) as client:
        await names["auth"].users.create("ann", PASSWORD)
        response = await client.post("/auth/login", json=ANN)
        assert "refreshToken" not in (await response.json())["data"]
        refresh, access = (response.cookies[f"{kind}_token"] for kind in ("refresh", "access"))
        for cookie in (refresh, access):
            assert (cookie["secure"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
        assert (bool(refresh["httponly"]), bool(access["httponly"])) == (True, False)


async def test_keys_outlive_the_process(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", f"sqlite://{tmp_path / 'auth.db'}")
    monkeypatch.setenv("SENTRI_KEY_ENCRYPTION_SECRET", SECRET)
    text = block("docs/keys-and-rotation.md", "key_encryption_secret=os")
    first, second = (executed(text, create_auth_server=create_auth_server, os=os)["auth"] for _ in range(2))
    async with first:
        await first.migrate()
        user = await first.users.create("ann", PASSWORD)
        token = (await first.accounts.start_session(user.id)).access_token
    async with second:
        assert (await second.authenticate(token)).id == user.id


def test_the_limits_that_are_shown_are_the_defaults():
    text = block("docs/rate-limits.md", "from sentri import RateLimit")
    names = executed(re.sub(r"^from .*$", "", text, flags=re.MULTILINE), create_auth=created, RateLimit=RateLimit)
    assert names["auth"].options.rate_limit == RateLimit() == created().options.rate_limit


# --- idempotent requests, client mode


@pytest.fixture
def counting() -> tuple[list[bytes], object]:
    """A handler that takes orders, and those that it took."""
    taken = []

    async def order(request: web.Request) -> web.Response:
        taken.append((await request.read(), request.get(sentri.IDEMPOTENCY_KEY)))
        return web.json_response({"order": len(taken)}, status=201)

    return taken, order


PAGE = "docs/idempotent-requests.md"


async def test_an_order_is_placed_once(counting):
    taken, order = counting
    app = executed(block(PAGE, "app.add_subapp", "python"), auth=created(), web=web)["app"]
    app.router.add_post("/orders", order)
    await assert_placed_once(app, taken)


async def assert_placed_once(app: web.Application, taken: list) -> None:
    async with serving(app) as client:
        for replayed in (None, "true"):
            response = await client.post("/orders", data=b"a book", headers={"Idempotency-Key": "one"})
            assert (response.status, response.headers.get("Idempotent-Replayed")) == (201, replayed)
            assert await response.json() == {"order": 1}
    assert len(taken) == 1


async def test_an_order_is_placed_once_without_an_auth_object(counting, redis_client, namespace, monkeypatch):
    taken, order = counting
    monkeypatch.setenv("REDIS_URL", os.environ.get("SENTRI_TEST_REDIS", "redis://127.0.0.1:6379/0"))
    text = block(PAGE, "redis_url=os").replace('"shop"', repr(namespace))
    app = executed(text, web=web, os=os)["app"]
    app.router.add_post("/orders", order)
    await assert_placed_once(app, taken)
    assert list(redis_client.scan_iter(f"{namespace}:*")) != []


async def test_the_key_is_there_for_a_constraint_of_ones_own():
    rows = []

    async def execute(sql: str, *values: str) -> None:
        rows.append((sql, values))

    text = indented(re.sub(r"^  ", "", block(PAGE, "INSERT INTO orders"), flags=re.MULTILINE))
    names = {"db": SimpleNamespace(execute=execute), "sentri": sentri, "product": "a book"}
    insert = executed(f"async def insert(request):\n{text}", **names)["insert"]

    async def order(request: web.Request) -> web.Response:
        await insert(request)
        return web.json_response({}, status=201)

    app = application(created())
    app.router.add_post("/orders", order)
    async with serving(app) as client:
        assert (await client.post("/orders", headers={"Idempotency-Key": "one"})).status == 201
    assert rows == [("INSERT INTO orders (idempotency_key, product) VALUES ($1, $2)", ("one", "a book"))]
