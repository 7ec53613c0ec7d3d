"""`protect_middleware`: everything is closed, except what is named open, by the route that matched."""

from __future__ import annotations

import pytest
from aiohttp import web
from yarl import URL

from sentri import SentriError
from tests.guards.conftest import FOR_ADMINS, FOR_USERS, OPEN
from tests.support import PASSWORD, data_of, serving


async def handler(request: web.Request) -> web.Response:
    return web.Response(text="in")


def middleware(*exclude, **more):
    return lambda auth: [auth.protect_middleware(exclude, **more)]


async def test_own_endpoints_stay_usable(guarded):
    api = await guarded(middlewares=middleware())
    given = {"identifier": "ann", "password": PASSWORD}
    await data_of(await api.api.post("/auth/register", given), 201)
    tokens = await data_of(await api.api.post("/auth/login", given))
    await data_of(await api.api.me(tokens["accessToken"]))
    renewed = await data_of(await api.api.refresh(tokens["refreshToken"]))
    await data_of(await api.api.post("/auth/logout", {"refreshToken": renewed["refreshToken"]}))
    assert await api.status("GET", "/auth/me") == 401
    assert await api.status("GET", "/auth/nowhere") == 404
    assert await api.status("DELETE", "/auth/login") == 405
    assert await api.status("GET", "/auth/keys") == 404


async def test_unknown_paths_and_methods_are_401_for_nobody(guarded):
    api = await guarded(lambda auth, app: app.router.add_get("/it", handler), middlewares=middleware())
    assert await api.statuses("/it") == FOR_USERS
    assert await api.statuses("/nowhere") == (401, 404, 404)
    assert await api.statuses("/it", "DELETE") == (401, 405, 405)
    assert await api.statuses("/authors") == (401, 404, 404)  # begins as the mount point does
    assert await api.statuses("/auth/") == (404, 404, 404)  # inside the sub-application: its own 404


async def test_public_handlers_are_open_and_no_others(guarded):
    def wire(auth, app):
        @auth.public
        async def home(request):
            """At home."""
            return web.Response(text="in")

        class Api:
            @auth.public
            async def home(self, request):
                return web.Response(text="in")

            async def show(self, request):
                return web.Response(text="in")

        assert (home.__name__, home.__doc__) == ("home", "At home.")
        app.router.add_get("/", home)
        app.router.add_get("/api", Api().home)
        app.router.add_get("/api/closed", Api().show)
        app.router.add_get("/bound", auth.public(Api().show))
        app.router.add_get("/bound/other", Api().show)
        app.router.add_get("/it", handler)

    api = await guarded(wire, middlewares=middleware())
    for path in ("/", "/api", "/bound"):
        assert await api.statuses(path) == OPEN, path
    for path in ("/it", "/api/closed", "/bound/other"):
        assert await api.statuses(path) == FOR_USERS, path


async def test_a_guarded_handler_stays_guarded_when_it_is_public_or_excluded(guarded):
    def wire(auth, app):
        app.router.add_get("/public", auth.public(auth.protect(handler)))

        async def other(request):
            return web.Response()

        app.router.add_get("/public-below", auth.authorize("admin")(auth.public(other)))
        app.router.add_get("/excluded", auth.authorize("admin")(handler))

    api = await guarded(wire, middlewares=middleware("/excluded"))
    assert await api.statuses("/public") == FOR_USERS
    assert await api.statuses("/public-below") == FOR_ADMINS
    assert await api.statuses("/excluded") == FOR_ADMINS


async def test_public_views_and_public_methods_of_views(guarded):
    def wire(auth, app):
        class Page(web.View):
            async def get(self):
                return web.Response(text="in")

            async def post(self):
                return web.Response(text="in")

        class Half(Page):
            @auth.public
            async def get(self):
                return web.Response(text="in")

        class Again(Half):
            async def get(self):
                return web.Response(text="in")

        app.router.add_view("/half", Half)
        app.router.add_view("/again", Again)
        app.router.add_view("/public", auth.public(type("Public", (Page,), {})))
        app.router.add_view("/base", Page)
        app.router.add_view("/child", type("Child", (auth.public(type("Base", (Page,), {})),), {}))

    api = await guarded(wire, middlewares=middleware())
    assert await api.statuses("/public") == OPEN
    assert await api.statuses("/public", "POST") == OPEN
    assert await api.statuses("/half") == OPEN
    assert await api.statuses("/half", "POST") == FOR_USERS
    assert await api.statuses("/again") == FOR_USERS
    assert await api.statuses("/base") == FOR_USERS
    assert await api.statuses("/child") == FOR_USERS


# --- exclude


def routes(auth, app):
    for path in (
        "/", "/open", "/open/", "/Open", "/closed", "/files/{name}", "/files/{name}/raw", "/docs", "/docs/{page}",
        "/docs/a/b", "/docsearch", "/x/{rest:.*}", "/a%20b", "/é",
    ):  # fmt: skip
        app.router.add_get(path, handler)


EXCLUDED = {
    "/": ({"/": OPEN, "/open": FOR_USERS}),
    "/open": {"/open": OPEN, "/open/": FOR_USERS, "/Open": FOR_USERS, "/closed": FOR_USERS},
    "/open/": {"/open": FOR_USERS, "/open/": OPEN},
    "/files/{name}": {"/files/a": OPEN, "/files/a/raw": FOR_USERS, "/files/closed": OPEN},
    "/docs/*": {"/docs": OPEN, "/docs/a": OPEN, "/docs/a/b": OPEN, "/docsearch": FOR_USERS, "/docs/a/c": (401, 404,
        404)},
    "/docs/{page}": {"/docs": FOR_USERS, "/docs/a": OPEN, "/docs/a/b": FOR_USERS},
    "/files/*": {"/files/a": OPEN, "/files/a/raw": OPEN, "/files": (401, 404, 404)},
    "/x/{rest:.*}": {"/x/a/b": OPEN, "/closed": FOR_USERS},
}  # fmt: skip


@pytest.mark.parametrize("entry", EXCLUDED)
async def test_excludes_by_the_pattern_of_the_route(guarded, entry):
    api = await guarded(routes, middlewares=middleware(entry))
    for path, expected in EXCLUDED[entry].items():
        assert await api.statuses(path) == expected, path


TRICKS = [
    "/closed", "/closed?/open", "/closed#/open", "/open/../closed", "/open/..%2fclosed", "/open/%2e%2e/closed",
    "/docs/../closed", "/docs/%2e%2e/closed", "/docs/..%2Fclosed", "/docs/a/../../closed", "/docs/./../closed",
    "//closed", "/./closed", "/%63losed", "/clo%73ed", "/closed/", "/CLOSED", "/closed;/docs/a", "/docs;/../closed",
    "/docs%2f..%2fclosed", "/docs\\..\\closed", "/open%00/../closed", "/open%2f", "/open//", "//open",
        "/%6fpen/../closed",
    "/files/a%2f..%2f..%2fclosed/raw", "/docs//a//b/c", "/é", "/%C3%A9", "/a%20b", "/nowhere", "/docsearch", "/Open",
    "http://evil.example/closed", "/docs/a/b/", "*",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
async def test_no_spelling_of_a_path_opens_a_closed_route(guarded, path):
    """Whatever the spelling reaches: without a token it is either refused, or it is an excluded route itself."""
    reached = []

    async def noting(request):
        reached.append(request.match_info.route.resource.canonical)
        return web.Response(text="in")

    def wire(auth, app):
        for pattern in (
            "/open",
            "/closed",
            "/Open",
            "/docs/{page}",
            "/docs/a/b",
            "/docsearch",
            "/é",
            "/a b",
            "/files/{name}/raw",
        ):
            app.router.add_get(pattern, noting)

    api = await guarded(wire, middlewares=middleware("/open", "/docs/*"))
    response = await api.api.client.session.get(
        URL(
            f"{api.api.client.make_url('/')}"[:-1] + path if path.startswith("/") else api.api.client.make_url("/"),
            encoded=True,
        )
    )
    assert response.status in {200, 400, 401, 404}
    assert set(reached) <= {"/open", "/docs/{page}", "/docs/a/b"}
    assert response.status != 200 or reached


async def test_static_routes_are_closed_and_can_be_excluded(guarded, tmp_path):
    (tmp_path / "a.txt").write_text("in")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "b.txt").write_text("secret")

    def wire(auth, app):
        app.router.add_static("/static", tmp_path / "private")
        app.router.add_static("/assets", tmp_path)

    for entry in ("/assets", "/assets/*"):
        api = await guarded(wire, middlewares=middleware(entry))
        assert await api.statuses("/assets/a.txt") == OPEN
        assert await api.statuses("/static/b.txt") == FOR_USERS
        assert (await api.statuses("/static/nothing.txt"))[0] == 401
        url = URL(f"{api.api.client.make_url('/')}assets/..%2fstatic/b.txt", encoded=True)
        response = await api.api.client.session.get(url)
        assert response.status in {401, 403, 404}
        assert "secret" not in await response.text()


async def test_sub_applications_are_closed_too(guarded):
    def wire(auth, app):
        sub = web.Application()
        sub.router.add_get("/open", handler)
        sub.router.add_get("/closed", handler)
        app.add_subapp("/sub", sub)
        app.router.add_get("/open", handler)

    api = await guarded(wire, middlewares=middleware("/sub/open"))
    assert await api.statuses("/sub/open") == OPEN
    assert await api.statuses("/sub/closed") == FOR_USERS
    assert await api.statuses("/open") == FOR_USERS
    assert await api.statuses("/sub/nowhere") == (401, 404, 404)


async def test_in_a_sub_application_it_protects_just_that(guarded):
    def wire(auth, app):
        sub = web.Application(middlewares=[auth.protect_middleware(["/sub/open"])])
        sub.router.add_get("/open", handler)
        sub.router.add_get("/closed", handler)
        app.add_subapp("/sub", sub)
        app.router.add_get("/it", handler)

    api = await guarded(wire)
    assert await api.statuses("/sub/open") == OPEN
    assert await api.statuses("/sub/closed") == FOR_USERS
    assert await api.statuses("/sub/nowhere") == (401, 404, 404)
    assert await api.statuses("/it") == OPEN


async def test_the_user_is_there_for_handlers_without_a_guard(guarded):
    from sentri import current_user  # noqa: PLC0415

    async def who(request):
        return web.Response(text=current_user(request).identifier)

    api = await guarded(lambda auth, app: app.router.add_get("/it", who), middlewares=middleware())
    response = await api.api.call("GET", "/it", token=api.user.access_token)
    assert await response.text() == api.user.user.identifier


# --- mistakes in exclude


def explicit(auth, app, protecting):
    app.middlewares.append(auth.error_middleware())
    app.middlewares.append(protecting)
    app.add_subapp("/auth", auth.app())


def by_setup(auth, app, protecting):
    auth.setup(app)
    app.middlewares.append(protecting)


def by_setup_before(auth, app, protecting):
    app.middlewares.append(protecting)
    auth.setup(app)


def in_a_sub_application(auth, app, protecting):
    auth.setup(app)
    sub = web.Application(middlewares=[protecting])
    sub.router.add_get("/open", handler)
    app.add_subapp("/sub", sub)


def in_a_sub_application_mounted_first(auth, app, protecting):
    sub = web.Application(middlewares=[protecting])
    sub.router.add_get("/open", handler)
    app.add_subapp("/sub", sub)
    auth.setup(app)


WAYS = [explicit, by_setup, by_setup_before, in_a_sub_application, in_a_sub_application_mounted_first]
UNKNOWN = ["/opem", "/open/", "/Open", "/open?x", "/files/a", "/files/{other}", "/doc/*", "/open/x/*", "/%6fpen"]


@pytest.mark.parametrize("entry", UNKNOWN)
@pytest.mark.parametrize("wire", WAYS)
async def test_an_entry_that_no_route_has_stops_the_start(make_auth, wire, entry):
    auth = make_auth()
    app = web.Application()
    app.router.add_get("/open", handler)
    app.router.add_get("/files/{name}", handler)
    wire(auth, app, auth.protect_middleware([entry]))
    runner = web.AppRunner(app)
    with pytest.raises(SentriError, match="no route has") as refused:
        await runner.setup()
    await runner.cleanup()
    assert refused.value.code == "CONFIGURATION_ERROR"


@pytest.mark.parametrize("wire", WAYS)
async def test_right_entries_let_the_application_start(make_auth, wire):
    auth = make_auth()
    app = web.Application()
    app.router.add_get("/open", handler)
    sub = wire in {in_a_sub_application, in_a_sub_application_mounted_first}
    wire(auth, app, auth.protect_middleware(["/sub/open", "/sub/*"] if sub else ["/open", "/open/*"]))
    async with serving(app) as client:
        assert (await client.get("/sub/open" if sub else "/open")).status == 200


async def test_where_it_was_not_found_at_the_start_the_first_request_is_refused(make_auth):
    """An application without the auth server's endpoints: nothing of sentri starts with it."""
    auth = make_auth()
    app = web.Application(middlewares=[auth.error_middleware(), auth.protect_middleware(["/opem"])])
    app.router.add_get("/open", handler)
    async with serving(app) as client:
        assert (await client.get("/open")).status == 500
        assert (await client.get("/open")).status == 500


@pytest.mark.parametrize("entry", ["open", "", "*", "/*", "/open*", "/a/*/b", "/**", None, 1, ["/open"]], ids=str)
def test_refuses_entries_that_cannot_be_patterns(make_auth, entry):
    for exclude in ([entry], ["/", entry], entry):
        if exclude != ["/open"]:
            with pytest.raises(SentriError) as refused:
                make_auth().protect_middleware(exclude)
            assert refused.value.code == "CONFIGURATION_ERROR"


@pytest.mark.parametrize("thing", [None, 1, "handler", ["/open"]], ids=str)
def test_refuses_to_mark_what_is_no_handler(make_auth, thing):
    with pytest.raises(SentriError) as refused:
        make_auth().public(thing)
    assert refused.value.code == "CONFIGURATION_ERROR"


# --- two auth objects


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_public_for_one_auth_object_is_not_public_for_another(guarded, make_auth):
    other = make_auth()

    def wire(auth, app):
        async def mine(request):
            return web.Response(text="in")

        async def theirs(request):
            return web.Response(text="in")

        async def both(request):
            return web.Response(text="in")

        app.router.add_get("/mine", auth.public(mine))
        app.router.add_get("/theirs", other.public(theirs))
        app.router.add_get("/both", other.public(auth.public(both)))
        foreign = web.Application()
        foreign.add_subapp("/in", other.app())
        app.add_subapp("/other", foreign)

    api = await guarded(wire, middlewares=middleware())
    assert await api.statuses("/mine") == OPEN
    assert await api.statuses("/both") == OPEN
    assert await api.statuses("/theirs") == FOR_USERS
    given = {"json": {"identifier": "x", "password": PASSWORD}}
    assert await api.status("POST", "/other/in/login", **given) == 401
    assert (await (await api.api.post("/other/in/login", given["json"])).json())["code"] == "UNAUTHORIZED"
