"""`assert_all_routes_guarded`: what it finds, what it lets pass, and what it says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import aiohttp_cors
import pytest
from aiohttp import web

import sentri
from sentri import create_auth
from sentri_testing.routes import assert_all_routes_guarded
from tests.support import SECRET, serving


@pytest.fixture(params=["server", "client"])
def auth(request) -> Any:
    """An auth object of both modes."""
    if request.param == "client":
        return create_auth(mode="client", key_uri="http://127.0.0.1:1/keys", valid_roles=("user", "admin"))
    return create_auth(db="sqlite://:memory:", secret=SECRET, valid_roles=("user", "admin"))


async def handler(request: web.Request) -> web.Response:
    return web.Response(text="in")


async def secret(request: web.Request) -> web.Response:
    return web.Response(text="in")


HANDLER = f"tests.kit.test_routes:handler  tests/kit/test_routes.py:{inspect.getsourcelines(handler)[1]}"


def application(*routes: web.RouteDef, wire: Callable[[web.Application], Any] = lambda app: None) -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    wire(app)
    return app


def said_of(app: web.Application, *public: Any) -> str:
    """The message of its failure."""
    with pytest.raises(AssertionError) as raised:
        assert_all_routes_guarded(app, public)
    return str(raised.value)


def open_in(message: str) -> list[str]:
    """The routes that it lists."""
    return re.findall(r"^  (\S.*?)  ", message, re.MULTILINE)


async def test_an_application_whose_routes_are_guarded_passes_before_and_after_its_start(auth):
    app = application(
        web.get("/me", auth.protect(handler)),
        web.post("/orders", auth.authorize("admin")(handler)),
        web.put("/orders", auth.permit(lambda request, user: True)(handler)),
        web.get("/imported", sentri.protect(handler)),
        web.get("/health", handler),
        wire=auth.setup,
    )
    assert_all_routes_guarded(app, public=["/health"])
    async with serving(app):
        assert_all_routes_guarded(app, public=["/health"])


async def test_it_lists_what_has_no_guard_with_its_place_and_says_what_to_do(auth):
    app = application(
        web.get("/me", auth.protect(handler)), web.get("/health", handler), web.post("/orders/{id}", handler)
    )
    assert said_of(app) == (
        "2 routes have no guard that can be seen:\n"
        f"  GET /health  {HANDLER}\n"
        f"  POST /orders/{{id}}  {HANDLER}\n"
        "Guard it: `@auth.protect`, `@auth.authorize(...)` or `@auth.permit(...)`, or `auth.protect_middleware()` for "
        "a whole\n"
        "application. A guard inside a decorator that hides what it decorates cannot be seen: give that one "
        "functools.wraps.\n"
        "If everybody may use it, say so in the test: public=['/health', '/orders/{id}']"
    )
    less = said_of(app, "/health")
    assert less.startswith(f"1 route has no guard that can be seen:\n  POST /orders/{{id}}  {HANDLER}\n")


async def test_what_it_proposes_to_name_as_public_passes(auth, tmp_path):
    """And nothing of it opens a route that is guarded."""
    app = application(
        web.get("/orders", handler),
        web.post("/orders", auth.protect(handler)),
        web.post(r"/files/{name:\d+}", handler),
        web.route("*", "/any", handler),
        web.route("OPTIONS", "/any/options", handler),
        web.static("/static", tmp_path),
        web.get("/", handler),
        wire=auth.setup,
    )
    proposed = said_of(app).rpartition("public=")[2]
    assert proposed == "['/', '/any', '/any/options', '/files/{name}', '/static', 'GET /orders']"
    assert_all_routes_guarded(app, public=eval(proposed))


async def test_public_names_a_pattern_a_method_of_it_or_a_subtree(auth):
    app = application(
        web.get("/docs", handler),
        web.get("/docs/{page}", handler),
        web.get("/docs/{page}/private", auth.protect(handler)),
        web.get("/docsearch", handler),
        web.get("/orders", handler),
        web.post("/orders", auth.protect(handler)),
        web.get(r"/files/{name:\d+}", handler),
    )
    assert open_in(said_of(app, "/docs/*")) == ["GET /docsearch", r"GET /files/{name}", "GET /orders"]
    assert_all_routes_guarded(app, ["/docs/*", "get  /orders", r"/files/{name:\d+}", "/docsearch"])
    assert_all_routes_guarded(app, ["GET /docs/*", "GET /orders", r"GET /files/{name:\d+}", "/docsearch"])
    assert_all_routes_guarded(application(web.get("/health", handler)), "/health")


async def test_a_method_opens_no_other(auth):
    app = application(web.get("/it", handler, allow_head=False), web.post("/it", handler), web.head("/it", secret))
    assert open_in(said_of(app, "GET /it")) == ["HEAD /it", "POST /it"]
    app = application(web.route("*", "/it", handler))
    assert "public has 'GET /it', which no route has; did you mean * /it?" in said_of(app, "GET /it")
    assert_all_routes_guarded(app, ["* /it"])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("/helth", "public has '/helth', which no route has; did you mean /health?"),
        ("POST /health", "public has 'POST /health', which no route has; did you mean GET /health?"),
        ("/heal/*", "public has '/heal/*', which no route has"),
        ("/{name}", "public has '/{name}', which no route has"),
        ("/me", "public has '/me', but GET /me is guarded (protect): take it out"),
        ("GET /me", "public has 'GET /me', but GET /me is guarded (protect): take it out"),
        ("/me/*", "public has '/me/*', but GET /me is guarded (protect): take it out"),
        (
            "/orders",
            (
                "public has '/orders', but POST /orders is guarded (authorize: admin, protect): "
                "name the open method alone, 'GET /orders'"
            ),
        ),
        ("/*", "public has '/*'; give the pattern of a route"),
        ("health", "public has 'health'; give the pattern of a route"),
        ("GET", "public has 'GET'; give the pattern of a route"),
        ("", "public has ''; give the pattern of a route"),
        ("/a{", "public has '/a{'; give the pattern of a route"),
        (7, "public has 7; give the pattern of a route"),
    ],
)
async def test_an_entry_of_public_that_is_wrong_or_out_of_date_fails(auth, entry, said):
    app = application(
        web.get("/health", handler),
        web.get("/me", auth.protect(handler)),
        web.get("/orders", handler),
        web.post("/orders", auth.authorize("admin")(auth.protect(handler))),
    )
    message = said_of(app, "/health", "GET /orders", entry)
    assert message.startswith(said)
    assert "\n\n" not in message


async def test_holes_and_wrong_entries_are_told_together(auth):
    message = said_of(application(web.get("/health", handler)), "/helth", 7)
    assert [part.partition(":")[0].partition(";")[0] for part in message.split("\n\n")] == [
        "1 route has no guard that can be seen",
        "public has 7",
        "public has '/helth', which no route has",
    ]


async def test_each_method_of_a_view_is_judged(auth):
    class Page(web.View):
        @auth.protect
        async def get(self) -> web.Response:
            return web.Response()

        async def post(self) -> web.Response:
            return web.Response()

    app = application(web.view("/page", Page), web.view("/whole", auth.protect(type("Whole", (Page,), {}))))
    message = said_of(app)
    assert open_in(message) == ["POST /page"]
    assert "<locals>.Page.post  tests/kit/test_routes.py:" in message


async def test_a_guard_that_a_decorator_hides_is_not_seen(auth):
    def hiding(function):
        async def hidden(request):
            return await function(request)

        return hidden

    message = said_of(application(web.get("/it", hiding(auth.protect(handler)))))
    assert open_in(message) == ["GET /it"]
    assert "hiding.<locals>.hidden" in message
    assert "functools.wraps" in message


async def test_what_a_middleware_leaves_open_has_to_be_named_too(auth):
    app = web.Application(middlewares=[auth.protect_middleware(exclude=["/docs/*"])])
    app.add_routes([web.get("/docs/a", handler), web.get("/it", handler), web.get("/home", auth.public(secret))])
    message = said_of(app)
    assert open_in(message) == ["GET /docs/a", "GET /home"]
    assert f"  GET /docs/a  {HANDLER}\n      a protect_middleware excludes it\n" in message
    assert "\n      it is marked @auth.public\n" in message
    assert_all_routes_guarded(app, ["/docs/*", "/home"])


async def test_what_is_mounted_is_audited_with_its_prefix_and_domain(auth):
    inner = application(web.get("/it", handler), web.get("/me", auth.protect(handler)))
    admin = application(web.get("/it", handler), web.get("/", auth.protect(handler)))
    app = application(web.get("/", handler))
    app.add_subapp("/shop", inner)
    app.add_domain("admin.example.com", admin)
    assert open_in(said_of(app)) == ["GET /", "GET /it (at admin.example.com)", "GET /shop/it"]
    assert_all_routes_guarded(app, ["/", "/it", "/shop/it"])  # `/` is guarded at the other domain, and open here


async def test_own_endpoints_need_no_guard_and_are_not_to_be_named():
    auth = create_auth(db="sqlite://:memory:", secret=SECRET, valid_roles=("user",))
    endpoints = auth.app()
    endpoints.router.add_get("/added", handler)
    app = web.Application()
    app.add_subapp("/auth", endpoints)
    assert open_in(said_of(app)) == ["GET /auth/added"]
    assert "POST /auth/login is sentri's own, which guards itself: take it out" in said_of(app, "/auth/login")
    assert_all_routes_guarded(app, ["/auth/*"])


async def test_preflights_of_aiohttp_cors_are_no_holes_and_hand_written_ones_have_to_be_named(auth, tmp_path):
    app = application(
        web.get("/orders", auth.protect(handler)),
        web.post("/orders", auth.protect(handler)),
        web.get("/open", handler),
        web.static("/static", tmp_path),
    )
    cors = aiohttp_cors.setup(app, defaults={"https://shop.example": aiohttp_cors.ResourceOptions()})
    for route in list(app.router.routes()):
        cors.add(route)
    app.router.add_options("/by-hand", handler)
    message = said_of(app)
    assert open_in(message) == ["OPTIONS /by-hand", "GET /open", "GET /static"]
    assert message.endswith("public=['/by-hand', '/open', '/static']")
    assert_all_routes_guarded(app, ["/by-hand", "/open", "/static"])
    assert "OPTIONS /orders only answers preflights: take it out" in said_of(app, "OPTIONS /orders")


async def test_an_application_without_routes_does_not_pass(auth):
    assert "has no route" in said_of(web.Application())


async def test_what_is_no_application_is_refused(auth):
    with pytest.raises(TypeError, match="not a UrlDispatcher"):
        assert_all_routes_guarded(web.Application().router)


async def test_no_message_shows_a_secret(auth):
    app = application(web.get("/it", handler), web.get("/me", auth.protect(handler)), wire=auth.setup)
    assert SECRET not in said_of(app, "/me")
