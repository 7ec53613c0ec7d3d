"""`from sentri import protect, authorize, permit`: guards that find the auth object in the application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from aiohttp import web

import sentri
from sentri import AUTH, SentriError, current_user
from tests.guards.conftest import FOR_ADMINS, FOR_NOBODY, FOR_USERS
from tests.support import assert_error, serving


@sentri.protect
async def profile(request: web.Request) -> web.Response:
    """Who is it?"""
    return web.Response(text=current_user(request).identifier)


@sentri.authorize("admin")
async def for_admins(request: web.Request) -> web.Response:
    return web.Response(text="in")


@sentri.permit(lambda request, user: False)
async def for_nobody(request: web.Request) -> web.Response:
    return web.Response(text="in")


@sentri.authorize("no such role")
async def mistaken(request: web.Request) -> web.Response:
    return web.Response(text="in")


@sentri.permit(roles=["no such role"], check=lambda request, user: True)
async def mistaken_permit(request: web.Request) -> web.Response:
    return web.Response(text="in")


@sentri.protect()
class Page(web.View):
    async def get(self) -> web.Response:
        return web.Response(text="in")

    @sentri.authorize("admin")
    async def post(self) -> web.Response:
        return web.Response(text="in")


def add_routes(app: web.Application) -> None:
    app.router.add_get("/profile", profile)
    app.router.add_get("/admins", for_admins)
    app.router.add_get("/nobody", for_nobody)
    app.router.add_get("/mistaken", mistaken)
    app.router.add_get("/mistaken-permit", mistaken_permit)
    app.router.add_view("/page", Page)


def with_sub_application(auth, app):
    app[AUTH] = auth
    add_routes(app)
    sub = web.Application()
    add_routes(sub)
    app.add_subapp("/sub", sub)


@pytest.mark.parametrize("prefix", ["", "/sub"])
async def test_they_guard_as_those_of_the_auth_object_do(guarded, prefix):
    api = await guarded(with_sub_application)
    assert await api.statuses(f"{prefix}/profile") == FOR_USERS
    assert await api.statuses(f"{prefix}/profile", "HEAD") == FOR_USERS
    assert await api.statuses(f"{prefix}/admins") == FOR_ADMINS
    assert await api.statuses(f"{prefix}/nobody") == FOR_NOBODY
    assert await api.statuses(f"{prefix}/page") == FOR_USERS
    assert await api.statuses(f"{prefix}/page", "POST") == FOR_ADMINS


@pytest.mark.parametrize("path", ["/mistaken", "/mistaken-permit"])
async def test_an_unknown_role_is_an_error_and_no_pass(guarded, path):
    """What roles there are is known when a request comes, and not before."""
    assert await (await guarded(with_sub_application)).statuses(path) == (401, 500, 500)


async def test_without_an_auth_object_nothing_is_open(guarded, caplog):
    api = await guarded(lambda auth, app: add_routes(app))
    for path in ("/profile", "/admins", "/nobody", "/page"):
        assert await api.statuses(path) == (500, 500, 500), path
    body = await assert_error(
        await api.api.call("GET", "/profile", token=api.user.access_token), 500, "CONFIGURATION_ERROR"
    )
    assert "setup" not in body["message"]
    assert "auth.setup(app)" in caplog.text


async def test_two_applications_with_two_auth_objects_do_not_mix(make_auth, make_database_options):
    async with AsyncExitStack() as running:
        parts = []
        for secret in ("one secret of at least thirty-two bytes", "two secrets of at least thirty-two bytes"):
            auth = make_auth(db=make_database_options(), secret=secret)
            app = web.Application()
            auth.setup(app)
            add_routes(app)
            client = await running.enter_async_context(serving(app))
            user = await auth.accounts.register("ann", "correct horse")
            parts.append((client, await auth.accounts.start_session(user.id)))
        for client, own in parts:
            for _, pair in parts:
                headers = {"Authorization": f"Bearer {pair.access_token}"}
                response = await client.get("/profile", headers=headers)
                assert response.status == (200 if pair is own else 401)


async def test_in_a_sub_application_with_an_auth_object_of_its_own_that_one_counts(make_auth, make_database_options):
    outer = make_auth(secret="one secret of at least thirty-two bytes")
    inner = make_auth(db=make_database_options(), secret="two secrets of at least thirty-two bytes")
    app, sub = web.Application(), web.Application()
    outer.setup(app)
    inner.setup(sub)
    add_routes(app)
    add_routes(sub)
    app.add_subapp("/sub", sub)
    async with serving(app) as client:
        headers = []
        for auth in (outer, inner):
            user = await auth.accounts.register("ann", "correct horse")
            pair = await auth.accounts.start_session(user.id)
            headers.append({"Authorization": f"Bearer {pair.access_token}"})
        answers = [(await client.get(path, headers=h)).status for path in ("/profile", "/sub/profile") for h in headers]
        assert answers == [200, 401, 401, 200]


async def test_guards_of_two_auth_objects_on_one_handler_both_ask(make_auth, make_database_options):
    """What one found out about a request is nothing to the other."""
    one = make_auth(secret="one secret of at least thirty-two bytes")
    two = make_auth(db=make_database_options(), secret="two secrets of at least thirty-two bytes")
    app = web.Application()
    one.setup(app)
    app.add_subapp("/two", two.app())
    app.router.add_get("/both", one.protect(two.protect(profile)))
    async with serving(app) as client:
        user = await one.accounts.register("ann", "correct horse")
        pair = await one.accounts.start_session(user.id)
        response = await client.get("/both", headers={"Authorization": f"Bearer {pair.access_token}"})
        assert response.status == 401


async def test_they_authenticate_once_together_with_those_of_the_auth_object(guarded, count_look_ups):
    def wire(auth, app):
        app[AUTH] = auth
        app.router.add_get("/it", auth.authorize("user")(auth.protect(profile)))

    api = await guarded(wire, middlewares=lambda auth: [auth.protect_middleware()])
    seen = count_look_ups(api.api.auth)
    assert await api.status("GET", "/it", api.user) == 200
    assert len(seen) == 1


MISTAKES = [
    sentri.authorize,
    lambda: sentri.authorize(profile),
    lambda: sentri.authorize(["admin"]),
    sentri.permit,
    lambda: sentri.permit(profile),
    lambda: sentri.permit(roles=["admin"]),
    lambda: sentri.permit(roles="admin", check=lambda request, user: True),
    lambda: sentri.protect("admin"),
    lambda: sentri.protect(lambda request: web.Response()),
    lambda: sentri.protect(dict),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_refuses_mistakes_at_decoration(mistake):
    with pytest.raises(SentriError) as refused:
        mistake()
    assert refused.value.code == "CONFIGURATION_ERROR"


def test_they_keep_name_and_docstring():
    assert (profile.__name__, profile.__doc__) == ("profile", "Who is it?")
