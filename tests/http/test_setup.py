"""`auth.setup(app)`: the wiring in one line, and guards that are imported instead of `auth.`'s."""

from __future__ import annotations

import pytest
from aiohttp import web

import sentri
from sentri import AUTH, SentriError
from tests.support import assert_error, data_of, profile, serving


async def edit(_):
    return web.Response(text="edited")


async def own(_):
    return web.Response(text="own")


def short_names(request, user):
    return len(user.identifier) < 6


def late_guards(app):
    """Handlers of another module, which knows no auth object."""
    app.router.add_get("/profile", sentri.protect(profile))
    app.router.add_get("/edit", sentri.authorize("editor")(edit))
    app.router.add_get("/own", sentri.permit(short_names)(own))
    return app


def wired(auth, **options):
    app = web.Application()
    auth.setup(app, **options)
    return late_guards(app)


def under_another_prefix(auth):
    return wired(auth, prefix="/accounts/v1")


@web.middleware
async def outer(request, handler):
    response = await handler(request)
    response.headers["X-Outer"] = "1"
    return response


def inside_of_another(auth):
    host = web.Application(middlewares=[outer])
    auth.setup(host)
    return late_guards(host)


def with_guards_in_a_sub_application(auth):
    host = web.Application()
    auth.setup(host)
    host.add_subapp("/inner", late_guards(web.Application()))
    return host


def without_an_auth_object(auth):
    """The explicit wiring, which puts none into the application."""
    host = web.Application(middlewares=[auth.error_middleware()])
    host.add_subapp("/auth", auth.app())
    return late_guards(host)


@pytest.fixture
async def api(make_api):
    return await make_api(app=wired)


async def test_setup_serves_the_endpoints_and_opens_the_auth_object(api):
    await api.user("Ann")
    tokens = await data_of(await api.login("Ann"))
    assert (await api.call("GET", "/profile", token=tokens["accessToken"])).status == 200


async def test_the_auth_object_is_in_the_application(make_auth):
    auth, app = make_auth(), web.Application()
    auth.setup(app)
    assert app[AUTH] is auth
    assert app[sentri.AUTH] is auth


async def test_the_prefix_can_be_chosen(make_api):
    api = await make_api(app=under_another_prefix)
    await assert_error(await api.call("GET", "/accounts/v1/me"), 401, "UNAUTHORIZED")
    assert (await api.call("GET", "/auth/me")).status == 404


@pytest.mark.parametrize("prefix", ["", "/", "auth", "/auth/", 5, None])
def test_refuses_what_is_no_prefix(make_auth, prefix):
    app = web.Application()
    with pytest.raises(SentriError, match="prefix") as caught:
        make_auth().setup(app, prefix)
    assert caught.value.code == "CONFIGURATION_ERROR"
    assert AUTH not in app
    assert not app.middlewares


def test_refuses_a_second_auth_object_in_one_application(make_auth):
    app = web.Application()
    make_auth().setup(app)
    with pytest.raises(SentriError, match="has an auth object already") as caught:
        make_auth().setup(app, "/other")
    assert caught.value.code == "CONFIGURATION_ERROR"


async def test_setup_adds_its_middleware_after_those_that_are_there(make_api):
    """So a proxy or CORS middleware sees the envelope as a response, and can add its headers."""
    api = await make_api(app=inside_of_another)
    response = await api.call("GET", "/profile")
    await assert_error(response, 401, "UNAUTHORIZED")
    assert response.headers["X-Outer"] == "1"


async def test_setup_hands_on_unhandled_to_its_middleware(make_api, in_process):
    told = []

    async def broken(_):
        raise RuntimeError("broken")

    def app(auth):
        host = wired(auth, on_unhandled=lambda request, error: told.append(str(error)))
        host.router.add_get("/broken", broken)
        return host

    api = await make_api(app=app)
    await assert_error(await api.call("GET", "/broken"), 500, "INTERNAL_ERROR")
    assert told == ["broken"]


# --- guards that are imported


async def test_imported_guards_guard(api):
    for path in ("/profile", "/edit", "/own"):
        await assert_error(await api.call("GET", path), 401, "UNAUTHORIZED")
    user = await api.session(await api.user("Ann"))
    editor = await api.session(await api.user("Bartholomew", roles=("editor",)))
    for pair, statuses in ((user, (200, 403, 200)), (editor, (200, 200, 403))):
        shown = [
            (await api.call("GET", path, token=pair.access_token)).status for path in ("/profile", "/edit", "/own")
        ]
        assert tuple(shown) == statuses


async def test_imported_guards_work_in_a_sub_application(make_api):
    api = await make_api(app=with_guards_in_a_sub_application)
    await assert_error(await api.call("GET", "/inner/profile"), 401, "UNAUTHORIZED")
    pair = await api.session()
    assert (await api.call("GET", "/inner/profile", token=pair.access_token)).status == 200


@pytest.mark.parametrize("path", ["/profile", "/edit", "/own"])
async def test_without_an_auth_object_an_imported_guard_is_a_500_and_never_a_pass(make_api, path):
    api = await make_api(app=without_an_auth_object)
    pair = await api.session(roles=("editor",))
    await assert_error(await api.call("GET", path, token=pair.access_token), 500, "CONFIGURATION_ERROR")
    await assert_error(await api.call("GET", path), 500, "CONFIGURATION_ERROR")


async def test_without_any_wiring_it_is_a_500_too():
    async with serving(late_guards(web.Application())) as client:
        assert (await client.get("/profile")).status == 500
