"""CORS preflights carry no credentials: a guard lets them pass to a handler made for them, and to no other."""

from __future__ import annotations

import pytest
from aiohttp import web

from tests.guards.conftest import FOR_USERS

PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
NO_PREFLIGHTS = {
    "plain": {},
    "Origin alone": {"Origin": "https://shop.example"},
    "method alone": {"Access-Control-Request-Method": "POST"},
    "other header": {"Origin": "https://shop.example", "Access-Control-Request-Headers": "X-Any"},
}


def wire(auth, app):
    async def secret(request):
        return web.Response(text=f"ran {request.method}")

    class Own(web.View):
        async def get(self):
            return web.Response(text="ran GET")

        async def options(self):
            return web.Response(text=f"ran {self.request.method}")

    class Without(web.View):
        async def get(self):
            return web.Response(text="ran GET")

    class Single(web.View):
        @auth.protect
        async def get(self):
            return web.Response(text="ran GET")

        @auth.protect
        async def options(self):
            return web.Response(text="ran OPTIONS")

    app.router.add_route("OPTIONS", "/registered", auth.protect(secret))
    app.router.add_route("POST", "/registered", auth.authorize("user")(secret))
    app.router.add_route("*", "/wildcard", auth.protect(secret))
    app.router.add_view("/view", auth.protect(Own))
    app.router.add_view("/view-without", auth.protect(Without))
    app.router.add_view("/view-methods", Single)
    app.router.add_view("/view-child", type("Child", (Own,), {}))
    app.router.add_route("*", "/view-wildcard", auth.protect(type("Any", (Own,), {})))
    app.router.add_get("/get", auth.protect(secret))


def under_middleware(auth, app):
    """The same routes, without a guard of their own."""

    class Open:
        def protect(self, handler):
            return handler

        def authorize(self, *roles):
            return self.protect

    wire(Open(), app)


@pytest.fixture(params=["guards", "middleware"])
async def api(request, guarded):
    if request.param == "guards":
        return await guarded(wire)
    return await guarded(under_middleware, middlewares=lambda auth: [auth.protect_middleware()])


@pytest.mark.parametrize("path", ["/registered", "/view", "/view-methods", "/view-child", "/view-wildcard"])
async def test_a_preflight_reaches_a_handler_made_for_it(api, path):
    response = await api.api.call("OPTIONS", path, headers=PREFLIGHT)
    assert (response.status, await response.text()) == (200, "ran OPTIONS")


@pytest.mark.parametrize("path", ["/wildcard", "/view-without"])
async def test_a_preflight_runs_nothing_else(api, path):
    response = await api.api.call("OPTIONS", path, headers=PREFLIGHT)
    assert response.status == 401
    assert "ran" not in await response.text()


async def test_a_preflight_to_a_path_without_options_is_no_way_in(api):
    assert await api.status("OPTIONS", "/get", headers=PREFLIGHT) in {401, 405}
    assert await api.status("OPTIONS", "/nowhere", headers=PREFLIGHT) in {401, 404}


@pytest.mark.parametrize("headers", NO_PREFLIGHTS.values(), ids=NO_PREFLIGHTS)
@pytest.mark.parametrize("path", ["/registered", "/wildcard", "/view", "/view-methods"])
async def test_any_other_options_request_needs_a_token(api, path, headers):
    assert await api.statuses(path, "OPTIONS", headers=headers) == FOR_USERS


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
async def test_the_headers_of_a_preflight_open_no_other_method(api, method):
    for path in ("/registered", "/wildcard", "/view", "/view-methods", "/get"):
        assert await api.status(method, path, headers=PREFLIGHT) in {401, 405}, path


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
async def test_no_header_makes_another_method_a_preflight(api, override):
    assert await api.status("POST", "/registered", headers={**PREFLIGHT, override: "OPTIONS"}) == 401


async def test_a_child_without_options_of_its_own_does_not_run_a_get(guarded):
    """`options` set to None, as Python's way to take a method away, is no handler for preflights."""

    def wire_child(auth, app):
        class Base(web.View):
            async def options(self):
                return web.Response(text="ran")

        app.router.add_view("/it", auth.protect(type("Child", (Base,), {"options": None})))

    assert await (await guarded(wire_child)).status("OPTIONS", "/it", headers=PREFLIGHT) == 401
