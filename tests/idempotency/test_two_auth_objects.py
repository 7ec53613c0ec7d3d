"""Guards asked ahead are asked where they stand: an imported one by the auth object of its own application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import make_mocked_request

import sentri
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.web.gates import Gate, ask_ahead
from sentri.web.guards import Guards
from sentri.web.protecting import ProtectMiddleware
from tests.idempotency.application import new_key, refused, replayed
from tests.support import serving

LIMIT = web.AppKey("limit", int)
NAME = web.AppKey("name", str)


@pytest.fixture
async def two(make_auth, tmp_path):
    """A function that starts a shop with a staff application in it, each with an auth server of its own.

    It returns a function that posts with a key, and a token of each server's.
    """
    async with AsyncExitStack() as running:

        async def make(handler):
            shop, staff = (
                make_auth(db=f"sqlite:///{tmp_path}/{name}.db", secret=name * 10, migrate_on_startup=True)
                for name in ("shop", "team")
            )
            inner = web.Application()
            staff.setup(inner, idempotency=False)
            inner[NAME] = "staff"
            inner.router.add_post("/", handler)
            app = web.Application()
            shop.setup(app)
            app[LIMIT], app[NAME] = 7, "shop"
            app.add_subapp("/staff", inner)
            client = await running.enter_async_context(serving(app, DummyCookieJar()))
            tokens = []
            for prefix, auth in (("", shop), ("/staff", staff)):
                who = {"identifier": "eve@example.com", "password": "correct horse 1"}
                await auth.accounts.register(who["identifier"], who["password"], ["admin"])
                response = await client.post(f"{prefix}/auth/login", json=who)
                tokens.append((await response.json())["data"]["accessToken"])

            async def post(token, key):
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
                response = await client.post("/staff/", headers=headers)
                await response.read()
                return response

            return post, *tokens

        yield make


async def test_an_imported_guard_is_answered_by_its_own_application(two):
    runs = []

    @sentri.authorize("admin")
    async def wipe(request):
        runs.append(request[sentri.USER].id)
        return web.Response()

    post, of_shop, of_staff = await two(wipe)
    await refused(await post(of_shop, new_key()), 401, "TOKEN_INVALID")
    assert runs == []
    key = new_key()
    assert [replayed(await post(of_staff, key)) for _ in range(2)] == [False, True]
    assert len(runs) == 1


async def test_a_check_finds_what_belongs_to_its_application(two):
    seen = []

    def check(request, user):
        seen.append((request.app[NAME], request.config_dict[NAME], request.config_dict[LIMIT]))
        return True

    @sentri.permit(check)
    async def handler(request):
        return web.Response(text=request.app[NAME])

    post, _, of_staff = await two(handler)
    key = new_key()
    assert [replayed(await post(of_staff, key)) for _ in range(2)] == [False, True]
    assert seen == [("staff", "staff", 7)] * 2


async def test_a_middleware_is_asked_in_the_application_that_has_it():
    seen = []

    async def identify(request):
        seen.append(request.app[NAME])
        return AuthUser(id="1", identifier="ann", roles=frozenset(), session_id=None, issuer=None)

    def refuse(request: web.Request, error: SentriError) -> web.Response:
        return web.Response(status=error.status_code)

    async def handler(request):
        return web.Response(text=request.app[NAME])

    guards = Guards(identify, check_roles=lambda _: None, decide=lambda *_: None, judge=lambda _: None, denied=None)
    protecting = ProtectMiddleware(guards, owner=guards, is_own=lambda _: False, exclude=(), refuse=refuse)
    apps = [web.Application(middlewares=[sentri.create_idempotency_middleware()])]
    apps += [web.Application(middlewares=[protecting]), web.Application()]
    for app, name in zip(apps, ("root", "middle", "leaf"), strict=True):
        app[NAME] = name
    apps[2].router.add_post("/", handler)
    apps[1].add_subapp("/leaf", apps[2])
    apps[0].add_subapp("/middle", apps[1])
    async with serving(apps[0]) as client:
        response = await client.post("/middle/leaf/", headers={"Idempotency-Key": new_key()})
        assert (response.status, await response.text(), seen) == (200, "leaf", ["middle"])


async def test_what_one_auth_object_said_is_not_anothers_word():
    asked, judges = [], ["shop", "staff"]

    async def enter(request):
        asked.append(judges[0])

    gate = Gate(enter, judge=lambda _: judges[0])
    request = make_mocked_request("POST", "/")
    await ask_ahead(request, [(request.app, gate)])
    judges.pop(0)
    await gate.enter(request)
    assert asked == ["shop", "staff"]


async def test_users_of_all_auth_objects_of_a_route_are_the_caller():
    """The inner one's user is the same for both: the outer one's tell them apart."""

    def guards_of(header):
        async def identify(request):
            return AuthUser(
                id=request.headers[header], identifier="x", roles=frozenset(), session_id=None, issuer=header
            )

        return Guards(identify, check_roles=lambda _: None, decide=lambda *_: None, judge=lambda _: header, denied=None)

    @guards_of("X-Outer").protect
    @guards_of("X-Inner").protect
    async def handler(request):
        return web.Response()

    app = web.Application(middlewares=[sentri.create_idempotency_middleware()])
    app.router.add_post("/", handler)
    async with serving(app) as client:

        async def post(outer, inner):
            headers = {"X-Outer": outer, "X-Inner": inner, "Idempotency-Key": "k"}
            return await client.post("/", headers=headers)

        callers = [("1", "9"), ("2", "9"), ("1", "9"), ("1", "8")]
        assert [replayed(await post(*who)) for who in callers] == [False, False, True, False]
