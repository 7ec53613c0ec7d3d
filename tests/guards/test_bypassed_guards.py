"""A guard that no request passes: the route has the bare function. The application does not start."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from aiohttp import web

import sentri
from sentri import SentriError, create_auth
from tests.support import serving

NOBODY = "http://127.0.0.1:1/auth/keys"
GUARDS = {
    "protect": lambda auth: auth.protect,
    "protect()": lambda auth: auth.protect(),
    "authorize": lambda auth: auth.authorize("admin"),
    "permit": lambda auth: auth.permit(lambda request, user: True),
    "imported protect": lambda auth: sentri.protect,
    "imported authorize": lambda auth: sentri.authorize("admin"),
}


async def handler(request: web.Request) -> web.Response:
    return web.Response(text="in")


def explicitly(auth: Any, app: web.Application) -> None:
    app[sentri.AUTH] = auth
    app.add_subapp("/auth", auth.app())


def by_setup(auth: Any, app: web.Application) -> None:
    auth.setup(app)


def logged(function):
    @functools.wraps(function)
    async def wrapper(request):
        return await function(request)

    return wrapper


async def refused(app: web.Application) -> str:
    runner = web.AppRunner(app)
    try:
        with pytest.raises(SentriError) as caught:
            await runner.setup()
    finally:
        await runner.cleanup()
    assert caught.value.code == "CONFIGURATION_ERROR"
    return caught.value.message


def upside_down(guard):
    """Routes made the wrong way round."""
    routes = web.RouteTableDef()

    @guard
    @routes.get("/secret/{id}")
    async def secret(request: web.Request) -> web.Response:
        return web.Response(text="secret")

    return routes


@pytest.mark.parametrize("wire", [explicitly, by_setup])
@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
async def test_a_guard_above_the_route_keeps_the_application_from_starting(make_auth, wire, guard):
    auth, app = make_auth(), web.Application()
    wire(auth, app)
    app.add_routes(upside_down(guard(auth)))
    message = await refused(app)
    assert "/secret/{id} (" in message
    assert "upside_down.<locals>.secret)" in message


async def test_so_does_one_in_an_application_beside_the_auth_server(make_auth):
    auth, app, inner = make_auth(), web.Application(), web.Application()
    explicitly(auth, app)
    inner.add_routes(upside_down(auth.protect))
    app.add_subapp("/inner", inner)
    assert "/inner/secret/{id}" in await refused(app)


async def test_so_does_one_in_client_mode():
    auth, app = create_auth("client", key_uri=NOBODY), web.Application()
    auth.setup(app)
    app.add_routes(upside_down(auth.protect))
    assert "/secret/{id}" in await refused(app)


async def test_so_does_one_around_another_guard(make_auth):
    """That users may is not that admins may."""
    auth, app, routes = make_auth(), web.Application(), web.RouteTableDef()
    auth.setup(app)
    auth.authorize("admin")(routes.get("/secret")(auth.protect(logged(handler))))
    app.add_routes(routes)
    assert "/secret" in await refused(app)


async def test_so_does_one_around_another_decorator(make_auth):
    auth, app, routes = make_auth(), web.Application(), web.RouteTableDef()
    auth.setup(app)

    @auth.protect
    @logged
    @routes.get("/secret")
    async def secret(request):
        return web.Response(text="secret")

    app.add_routes(routes)
    assert "/secret" in await refused(app)


async def test_a_function_may_have_a_guarded_route_and_an_open_one(make_auth):
    auth, app = make_auth(), web.Application()
    auth.setup(app)
    app.router.add_get("/status", handler)
    app.router.add_get("/for-users", auth.protect(logged(auth.authorize("admin")(logged(handler)))))
    async with serving(app) as client:
        assert (await client.get("/status")).status == 200
        assert (await client.get("/for-users")).status == 401


async def test_a_route_that_is_marked_public_is_meant_to_be_open(make_auth):
    auth, app = make_auth(), web.Application()
    auth.setup(app)

    @auth.public
    async def status(request):
        return web.Response(text="fine")

    auth.protect(status)  # for somebody who calls it
    app.router.add_get("/status", status)
    async with serving(app) as client:
        assert (await client.get("/status")).status == 200


async def test_what_another_auth_object_guards_elsewhere_may_be_open_here(make_auth):
    make_auth().protect(handler)
    auth, app = make_auth(), web.Application()
    auth.setup(app)
    app.router.add_get("/", handler)
    async with serving(app) as client:
        assert (await client.get("/")).status == 200


async def test_a_client_that_did_not_start_can_be_started_elsewhere():
    auth, app = create_auth("client", key_uri=NOBODY), web.Application()
    auth.setup(app)
    app.add_routes(upside_down(auth.protect))
    await refused(app)
    other = web.Application()
    auth.setup(other)
    async with serving(other):
        pass
