"""`routes_of`: every route of an application, and what guards it."""

from __future__ import annotations

import functools

import aiohttp_cors
import pytest
from aiohttp import web

import sentri
from sentri import create_auth
from sentri.web.routes import ListedRoute, RouteGuard, routes_of
from tests.support import SECRET, serving

HERE = "tests.guards.test_routes"


@pytest.fixture
def auth():
    return create_auth(db="sqlite://:memory:", secret=SECRET, valid_roles=("user", "admin"))


@pytest.fixture
def other():
    return create_auth(mode="client", key_uri="https://auth.example/keys", valid_roles=("user", "admin"))


async def handler(request: web.Request) -> web.Response:
    return web.Response(text="in")


def is_owner(request, user) -> bool:
    return True


def listed(app: web.Application) -> dict[str, ListedRoute]:
    """The routes by method and pattern."""
    routes = routes_of(app)
    named = {f"{route.method} {route.pattern}": route for route in routes}
    assert len(named) == len(routes)
    return named


def guards(app: web.Application) -> dict[str, list[str]]:
    return {name: [guard.kind for guard in route.guards] for name, route in listed(app).items()}


def hiding(function):
    """A decorator that does not say what it decorates."""

    async def hidden(request):
        return await function(request)

    return hidden


def saying(function):
    @functools.wraps(function)
    async def said(request):
        return await function(request)

    return said


async def test_each_guard_is_named_in_the_order_in_which_a_request_comes_to_it(auth):
    app = web.Application()
    app.router.add_get("/all", auth.permit(roles=["admin"], check=is_owner)(saying(auth.authorize("user")(handler))))
    app.router.add_post("/protect", auth.protect(handler))
    app.router.add_delete("/open", handler)
    app.router.add_get("/hidden", hiding(auth.protect(handler)), allow_head=False)
    assert guards(app) == {
        "GET /all": ["permit: is_owner, or admin", "authorize: user"],
        "HEAD /all": ["permit: is_owner, or admin", "authorize: user"],
        "POST /protect": ["protect"],
        "DELETE /open": [],
        "GET /hidden": [],
    }
    assert {guard.auth for route in routes_of(app) for guard in route.guards} == {auth}
    assert [name for name, route in listed(app).items() if route.is_open] == ["GET /hidden", "DELETE /open"]


async def test_handlers_are_named_below_partials_methods_and_decorators(auth):
    class Orders:
        @auth.protect
        async def show(self, request: web.Request) -> web.Response:
            return web.Response()

    table = web.RouteTableDef()

    @table.get("/table", allow_head=False)
    @auth.protect
    async def of_table(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes(table)
    app.router.add_post("/partial", functools.partial(auth.protect(handler)))
    app.router.add_post("/method", Orders().show)
    app.router.add_post("/saying", saying(handler))
    found = listed(app)
    where = test_handlers_are_named_below_partials_methods_and_decorators.__qualname__
    assert {name: route.name for name, route in found.items()} == {
        "GET /table": f"{HERE}:{where}.<locals>.of_table",
        "POST /partial": f"{HERE}:handler",
        "POST /method": f"{HERE}:{where}.<locals>.Orders.show",
        "POST /saying": f"{HERE}:handler",
    }
    assert [name for name, route in found.items() if route.is_open] == ["POST /saying"]
    assert {route.file for route in found.values()} == {__file__}
    assert found["POST /saying"].line == handler.__code__.co_firstlineno


class Page(web.View):
    async def get(self) -> web.Response:
        return web.Response()

    async def post(self) -> web.Response:
        return web.Response()


async def test_each_method_of_a_view_counts_on_its_own(auth):
    class Mixed(Page):
        post = auth.authorize("admin")(Page.post)

    app = web.Application()
    app.router.add_view("/mixed", Mixed)
    app.router.add_route("POST", "/one", Mixed)
    app.router.add_view("/whole", auth.protect(type("Whole", (Page,), {})))
    app.router.add_view("/nothing", type("Nothing", (web.View,), {}))
    assert guards(app) == {
        "GET /mixed": [],
        "POST /mixed": ["authorize: admin"],
        "POST /one": ["authorize: admin"],
        "GET /whole": ["protect"],
        "POST /whole": ["protect"],
        "* /nothing": [],
    }
    assert listed(app)["GET /mixed"].name.endswith("<locals>.Mixed.get")
    assert listed(app)["GET /mixed"].line == Page.get.__code__.co_firstlineno


async def test_a_guarded_view_guards_its_subclasses(auth):
    @auth.protect
    class Whole(Page):
        pass

    class Child(auth.authorize("admin")(type("Between", (Whole,), {}))):
        async def delete(self) -> web.Response:
            return web.Response()

    app = web.Application()
    app.router.add_view("/child", Child)
    assert guards(app) == {f"{method} /child": ["authorize: admin", "protect"] for method in ("GET", "POST", "DELETE")}


@pytest.mark.parametrize("name", ["__await__", "_iter"])
async def test_guarded_methods_of_a_view_that_chooses_itself_count_for_nothing(auth, name):
    """It may run the body of one under the name of another."""

    class Own(web.View):
        @auth.protect
        async def get(self) -> web.Response:
            return web.Response()

    async def chosen(self):
        return web.Response(text="in")

    setattr(Own, name, chosen if name == "_iter" else lambda self: chosen(self).__await__())
    app = web.Application()
    app.router.add_view("/own", Own)
    app.router.add_view("/guarded", auth.protect(type("Guarded", (Own,), {})))
    found = listed(app)
    assert (found["GET /own"].is_open, found["GET /guarded"].is_open) == (True, False)
    assert "this View chooses itself" in found["GET /own"].remarks[0]
    async with serving(app) as client:
        assert await (await client.get("/own")).text() == "in"
        assert (await client.get("/guarded")).status == 500  # refused; no error middleware says so


async def test_the_guard_of_every_method_is_one_route(auth):
    app = web.Application()
    app.router.add_route("*", "/any", auth.protect(handler))
    app.router.add_route("*", "/open", handler)
    assert guards(app) == {"* /any": ["protect"], "* /open": []}


async def test_applications_in_applications_have_their_prefixes_and_domains(auth):
    inner, middle, app, domain = (web.Application() for _ in range(4))
    inner.router.add_post("", handler)
    inner.router.add_post("/orders/{id:\\d+}", handler)
    middle.router.add_post("/it", auth.protect(handler))
    middle.add_subapp("/inner", inner)
    domain.router.add_post("/", handler)
    domain.router.add_post("/inner", handler)
    app.router.add_post("", handler)
    app.add_subapp("/middle", middle)
    app.add_domain("*.example.com", domain)
    before = routes_of(app)
    assert [(route.pattern, route.domain, route.is_open) for route in before] == [
        ("/", None, True),
        ("/", "*.example.com", True),
        ("/inner", "*.example.com", True),
        ("/middle/inner", None, True),
        ("/middle/inner/orders/{id}", None, True),
        ("/middle/it", None, False),
    ]
    async with serving(app):
        assert routes_of(app) == before


async def test_a_middleware_guards_its_application_and_those_in_it(auth, other):
    app = web.Application()
    part = web.Application(middlewares=[auth.protect_middleware()])
    inner = web.Application(middlewares=[other.protect_middleware()])
    inner.router.add_post("/it", auth.authorize("admin")(handler))
    part.router.add_post("/it", handler)
    part.add_subapp("/inner", inner)
    app.add_subapp("/part", part)
    app.router.add_post("/it", handler)
    own, others = RouteGuard("protect_middleware", auth), RouteGuard("protect_middleware", other)
    assert {name: route.guards for name, route in listed(app).items()} == {
        "POST /it": (),
        "POST /part/it": (own,),
        "POST /part/inner/it": (own, others, RouteGuard("authorize: admin", auth)),
    }


async def test_what_a_middleware_excludes_or_finds_public_is_open_unless_it_is_guarded_itself(auth):
    class Half(Page):
        get = auth.public(saying(Page.get))

    @auth.public
    class Public(web.View):
        async def get(self) -> web.Response:
            return web.Response()

    app = web.Application(middlewares=[auth.protect_middleware(exclude=["/", "/docs/*", "/files/{name}"])])
    app.router.add_post("", handler)
    app.router.add_post("/docs/page", handler)
    app.router.add_post("/docs/closed", auth.protect(saying(handler)))
    app.router.add_post("/files/{number:\\d+}", handler)
    app.router.add_post("/files/{name}", saying(handler))
    app.router.add_post("/public", auth.public(saying(handler)))
    app.router.add_view("/half", Half)
    app.router.add_view("/view", Public)
    app.router.add_view("/child", type("Child", (Public,), {}))
    remarks = {(route.method, route.pattern): (route.is_open, route.remarks) for route in routes_of(app)}
    excluded, public = ("a protect_middleware excludes it",), ("it is marked @auth.public",)
    assert remarks == {
        ("POST", "/"): (True, excluded),
        ("POST", "/docs/page"): (True, excluded),
        ("POST", "/docs/closed"): (False, excluded),
        ("POST", "/files/{number}"): (False, ()),
        ("POST", "/files/{name}"): (True, excluded),
        ("POST", "/public"): (True, public),
        ("GET", "/half"): (True, public),
        ("POST", "/half"): (False, ()),
        ("GET", "/view"): (True, public),
        ("GET", "/child"): (False, ()),
    }
    async with serving(app) as client:  # as it is said
        assert [(await client.post(f"/files/{name}")).status for name in ("name", "7")] == [200, 401]
        assert [(await client.post(f"/{path}")).status for path in ("docs/page", "public", "half")] == [200, 200, 401]


async def test_asking_leaves_the_middleware_as_it_was(auth):
    """A route that is added afterwards is excluded as if nobody had asked."""
    app = web.Application(middlewares=[auth.protect_middleware(exclude=["/late"])])
    app.router.add_get("/it", handler)
    assert guards(app)["GET /it"] == ["protect_middleware"]
    app.router.add_get("/late", handler)
    async with serving(app) as client:
        assert (await client.get("/late")).status == 200


async def test_endpoints_of_an_auth_server_are_its_own_and_what_is_added_to_them_is_not(auth):
    app = web.Application(middlewares=[auth.error_middleware(), auth.protect_middleware()])
    endpoints = auth.app()
    endpoints.router.add_post("/mine", handler)
    app.add_subapp("/auth", endpoints)
    found = listed(app)
    login, mine = found["POST /auth/login"], found["POST /auth/mine"]
    assert (login.own, login.is_open, login.guards) == (auth, False, ())
    assert (mine.own, [guard.kind for guard in mine.guards]) == (None, ["protect_middleware"])


async def test_of_another_auth_objects_middleware_they_are_none(auth, other):
    app = web.Application(middlewares=[other.protect_middleware()])
    app.add_subapp("/auth", auth.app())
    login = listed(app)["POST /auth/login"]
    assert (login.own, login.guards) == (auth, (RouteGuard("protect_middleware", other),))


async def test_an_imported_guard_asks_the_nearest_auth_object(auth, other):
    app, part = web.Application(), web.Application()
    part[sentri.AUTH] = other
    endpoints = auth.app()
    assert endpoints[sentri.AUTH] is auth
    for each in (app, part, endpoints):
        each.router.add_post("/it", sentri.authorize("admin")(saying(handler)))
    part.add_subapp("/auth", endpoints)
    app.add_subapp("/part", part)
    found = {pattern: listed(app)[f"POST {pattern}"].guards for pattern in ("/it", "/part/it", "/part/auth/it")}
    assert found == {
        "/it": (RouteGuard("authorize: admin", None),),
        "/part/it": (RouteGuard("authorize: admin", other),),
        "/part/auth/it": (RouteGuard("authorize: admin", auth),),
    }


async def test_static_files_are_routes(auth, tmp_path):
    app = web.Application()
    app.router.add_static("/static", tmp_path)
    found = listed(app)
    assert {name: (route.name, route.file, route.is_open) for name, route in found.items()} == {
        "GET /static": (f"files of {tmp_path}", None, True),
        "HEAD /static": (f"files of {tmp_path}", None, True),
    }


async def test_aiohttp_cors_answers_preflights_and_nothing_else(auth, tmp_path):
    class View(aiohttp_cors.CorsViewMixin, web.View):
        @auth.protect
        async def get(self) -> web.Response:
            return web.Response()

    class Own(View):
        async def options(self) -> web.Response:
            return web.Response(text="a secret")

    app = web.Application()
    app.router.add_post("/it", auth.protect(handler))
    app.router.add_view("/view", View)
    app.router.add_view("/own", Own)
    app.router.add_static("/static", tmp_path)
    app.router.add_route("OPTIONS", "/hand-written", handler)
    cors = aiohttp_cors.setup(app, defaults={"*": aiohttp_cors.ResourceOptions()})
    for resource in list(app.router.resources()):
        if resource.canonical not in ("/own", "/hand-written"):
            cors.add(resource)
    found = listed(app)
    preflights = [name for name, route in found.items() if route.is_preflight]
    assert preflights == ["OPTIONS /it", "OPTIONS /static", "OPTIONS /view"]
    assert not any(found[name].is_open for name in preflights)
    assert found["OPTIONS /own"].is_open
    assert found["OPTIONS /hand-written"].is_open
    async with serving(app) as client:  # it is as they say
        assert [(await client.options(path)).status for path in ("/it", "/static", "/view")] == [403] * 3


async def test_the_list_is_sorted_and_shows_no_secret(auth):
    app = web.Application()
    for path in ("/c", "/a", "/b"):
        app.router.add_get(path, auth.protect(handler))
    assert [f"{route.pattern} {route.method}" for route in routes_of(app)] == [
        f"{path} {method}" for path in ("/a", "/b", "/c") for method in ("GET", "HEAD")
    ]
    assert SECRET not in repr(routes_of(app))
