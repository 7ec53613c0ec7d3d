"""What a review found open, and what stands in its way now."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from sentri import SentriError
from tests.guards.conftest import FOR_USERS, OPEN
from tests.support import assert_error, serving

PREFLIGHT = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}


async def handler(request: web.Request) -> web.Response:
    return web.Response(text="in")


async def test_what_a_host_adds_to_the_auth_application_is_not_ours(make_auth):
    """Only the auth server's own endpoints guard themselves."""
    auth = make_auth()
    sub = auth.app()
    sub.router.add_get("/stats", handler)
    inner = web.Application(middlewares=[auth.protect_middleware()])
    inner.router.add_get("/x", handler)
    sub.add_subapp("/admin", inner)
    app = web.Application(middlewares=[auth.protect_middleware()])
    app.add_subapp("/auth", sub)
    async with serving(app) as client:
        for path in ("/auth/stats", "/auth/admin/x", "/auth/admin/nowhere"):
            assert (await client.get(path)).status == 401, path
        assert (await client.get("/auth/me")).status == 401
        assert (await client.get("/auth/nowhere")).status == 404
        assert (await client.post("/auth/logout")).status == 200


async def test_excluding_one_route_does_not_open_its_namesake(guarded):
    """Two patterns that differ in their regular expressions only."""

    def wire(auth, app):
        app.router.add_get(r"/files/{name:[a-z]+\.css}", handler)
        app.router.add_get("/files/{name:.+}", handler)

    api = await guarded(wire, middlewares=lambda auth: [auth.protect_middleware([r"/files/{name:[a-z]+\.css}"])])
    assert await api.statuses("/files/a.css") == OPEN
    assert await api.statuses("/files/secret/report.pdf") == FOR_USERS


async def test_a_preflight_gets_no_further_than_the_handler_made_for_it(guarded):
    """A View's `options`, or a handler of OPTIONS, that calls a guarded one does not lend it its openness."""

    def wire(auth, app):
        @auth.protect
        async def secret(request):
            return web.Response(text="secret")

        async def options(request):
            return await secret(request)

        class View(web.View):
            @auth.protect
            async def get(self):
                return web.Response(text="secret")

            async def options(self):
                return await self.get()

        app.router.add_options("/function", options)
        app.router.add_view("/view", View)

    api = await guarded(wire)
    assert await api.status("OPTIONS", "/function", headers=PREFLIGHT) == 401
    assert await api.status("OPTIONS", "/view", headers=PREFLIGHT) == 401


async def test_stacked_guards_let_the_preflight_of_their_own_handler_pass(guarded):
    def wire(auth, app):
        @auth.authorize("admin")
        @auth.protect
        async def options(request):
            return web.Response(text="preflight")

        class View(web.View):
            @auth.authorize("admin")
            @auth.protect
            async def options(self):
                return web.Response(text="preflight")

        app.router.add_options("/function", options)
        app.router.add_view("/view", View)

    api = await guarded(wire)
    assert await api.status("OPTIONS", "/function", headers=PREFLIGHT) == 200
    assert await api.status("OPTIONS", "/view", headers=PREFLIGHT) == 200


async def test_the_public_mark_of_a_view_method_is_not_inherited(guarded):
    def wire(auth, app):
        class Base(web.View):
            @auth.public
            async def get(self):
                return web.Response(text="open")

        class Child(Base):
            pass

        app.router.add_view("/base", Base)
        app.router.add_view("/child", Child)

    api = await guarded(wire, middlewares=lambda auth: [auth.protect_middleware()])
    assert await api.statuses("/base") == OPEN
    assert await api.statuses("/child") == FOR_USERS


async def test_a_clone_with_other_headers_is_authenticated_anew(guarded):
    def wire(auth, app):
        @auth.protect
        async def inner(request):
            return web.Response(text="in")

        @auth.protect
        async def batch(request):
            return await inner(request.clone(headers={"Authorization": "Bearer garbage"}))

        app.router.add_get("/batch", batch)

    api = await guarded(wire)
    assert await api.status("GET", "/batch", api.user) == 401


async def test_a_refusal_is_an_envelope_wherever_the_error_middleware_stands(make_auth):
    """`auth.setup` puts the error middleware behind a `protect_middleware` that was there before."""
    auth = make_auth()
    app = web.Application(middlewares=[auth.protect_middleware()])
    auth.setup(app)
    app.router.add_get("/it", handler)
    async with serving(app) as client:
        await assert_error(await client.get("/it"), 401, "UNAUTHORIZED")
        await assert_error(await client.get("/it", headers={"Authorization": "Bearer x"}), 401, "TOKEN_INVALID")


async def test_refuses_to_sign_for_ids_that_it_would_not_accept(make_auth):
    auth = make_auth()
    with pytest.raises(SentriError, match="session_id") as refused:
        auth.sign_refresh_token("nonsense")
    assert refused.value.code == "VALIDATION_ERROR"


async def test_a_cancelled_first_use_leaves_the_object_usable(make_auth):
    auth = make_auth()
    first = asyncio.create_task(auth.accounts.logout_all("00000000-0000-4000-8000-000000000000"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await auth.accounts.logout_all("00000000-0000-4000-8000-000000000000") == 0
    async with auth:
        assert await auth.accounts.logout_all("00000000-0000-4000-8000-000000000000") == 0
