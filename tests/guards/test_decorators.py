"""`protect`, `authorize` and `permit` on everything that aiohttp takes as a handler."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError, web

from sentri import USER, SentriError, current_user
from tests.guards.conftest import FOR_ADMINS, FOR_NOBODY, FOR_USERS, OPEN


async def handler(request: web.Request) -> web.Response:
    """Says who it is."""
    return web.json_response(current_user(request).to_dict())


async def plain(request: web.Request) -> web.Response:
    """Asks nothing itself."""
    return web.Response(text="in")


def is_bob(request: web.Request, user: Any) -> bool:
    return user.identifier == "bob"


async def is_admin(request: web.Request, user: Any) -> bool:
    return "admin" in user.roles


class Api:
    """Handlers as methods of an object of the host's."""

    async def show(self, request: web.Request) -> web.Response:
        return web.Response(text=type(self).__name__)

    async def __call__(self, request: web.Request) -> web.Response:
        return web.Response(text="called")


async def with_prefix(prefix: str, request: web.Request) -> web.Response:
    return web.Response(text=prefix)


GUARDS = {
    "protect": (lambda auth: auth.protect, FOR_USERS),
    "protect()": (lambda auth: auth.protect(), FOR_USERS),
    "authorize": (lambda auth: auth.authorize("admin"), FOR_ADMINS),
    "authorize several": (lambda auth: auth.authorize("editor", "admin"), FOR_ADMINS),
    "authorize user": (lambda auth: auth.authorize("user"), FOR_USERS),
    "permit": (lambda auth: auth.permit(is_bob), FOR_NOBODY),
    "permit async": (lambda auth: auth.permit(is_admin), FOR_ADMINS),
    "permit by name": (lambda auth: auth.permit(check=is_admin), FOR_ADMINS),
    "permit roles": (lambda auth: auth.permit(roles=["admin"], check=is_bob), FOR_ADMINS),
}
HANDLERS = {
    "function": lambda: plain,
    "bound method": lambda: Api().show,
    "callable object": Api,
    "partial": lambda: functools.partial(with_prefix, "p"),
    "partial of a bound method": lambda: functools.partial(Api().show),
}


def view_class() -> type[web.View]:
    class Page(web.View):
        async def get(self) -> web.Response:
            return web.Response(text="in")

        async def post(self) -> web.Response:
            return web.Response(text="in")

    return Page


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("kind", HANDLERS)
async def test_guards_functions(guarded, guard, kind):
    make, expected = GUARDS[guard]
    api = await guarded(lambda auth, app: app.router.add_get("/it", make(auth)(HANDLERS[kind]())))
    assert await api.statuses("/it") == expected
    assert await api.statuses("/it", "HEAD") == expected


@pytest.mark.parametrize("guard", GUARDS)
async def test_guards_view_classes(guarded, guard):
    make, expected = GUARDS[guard]
    api = await guarded(lambda auth, app: app.router.add_view("/it", make(auth)(view_class())))
    assert await api.statuses("/it") == expected
    assert await api.statuses("/it", "POST") == expected
    assert (await api.statuses("/it", "DELETE"))[0] == 401  # not even 405 is told to nobody


@pytest.mark.parametrize("guard", GUARDS)
async def test_guards_single_methods_of_views(guarded, guard):
    make, expected = GUARDS[guard]

    def wire(auth, app):
        class Page(view_class()):
            @make(auth)
            async def get(self):
                return web.Response(text="in")

        app.router.add_view("/it", Page)

    api = await guarded(wire)
    assert await api.statuses("/it") == expected
    assert await api.statuses("/it", "POST") == OPEN


async def test_guards_methods_that_take_the_request(guarded):
    def wire(auth, app):
        class Guarded(Api):
            @auth.authorize("admin")
            async def show(self, request):
                """Shows."""
                return web.Response(text=f"{type(self).__name__} {current_user(request).identifier}")

        app.router.add_get("/it", Guarded().show)

    assert await (await guarded(wire)).statuses("/it") == FOR_ADMINS


async def test_guards_in_a_route_table(guarded):
    def wire(auth, app):
        routes = web.RouteTableDef()
        routes.get("/function")(auth.protect(plain))
        routes.view("/view")(auth.protect(view_class()))

        @auth.protect
        @routes.view("/view-in-the-wrong-order")
        class Late(web.View):
            async def get(self):
                return web.Response(text="in")

        app.add_routes(routes)
        app.add_routes([web.get("/table", auth.protect(plain)), web.view("/class", auth.protect(view_class()))])

    api = await guarded(wire)
    for path in ("/function", "/view", "/view-in-the-wrong-order", "/table", "/class"):
        assert await api.statuses(path) == FOR_USERS, path


async def test_guards_wildcard_routes_in_every_method(guarded):
    api = await guarded(lambda auth, app: app.router.add_route("*", "/it", auth.protect(plain)))
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"):
        assert (await api.statuses("/it", method))[0] in {401, 405}, method
    assert await api.statuses("/it", "DELETE") == FOR_USERS


# --- subclasses


async def test_a_guarded_view_guards_its_subclasses(guarded):
    def wire(auth, app):
        base = auth.authorize("admin")(view_class())

        class Child(base):
            async def put(self):
                return web.Response(text="in")

        class Grandchild(Child):
            async def get(self):
                return web.Response(text="in")

        app.router.add_view("/child", Child)
        app.router.add_view("/grandchild", Grandchild)

    api = await guarded(wire)
    for path, method in (("/child", "GET"), ("/child", "PUT"), ("/grandchild", "GET"), ("/grandchild", "PUT")):
        assert await api.statuses(path, method) == FOR_ADMINS


async def test_a_subclass_adds_its_guard_to_that_of_its_base(guarded):
    def wire(auth, app):
        base = auth.authorize("admin")(view_class())
        app.router.add_view("/child", auth.permit(is_bob)(type("Child", (base,), {})))
        app.router.add_view("/base", base)

    api = await guarded(wire)
    assert await api.statuses("/child") == FOR_NOBODY
    assert await api.statuses("/base") == FOR_ADMINS


@pytest.mark.parametrize("order", [1, -1])
async def test_a_view_of_two_guarded_bases_has_both_guards(guarded, order):
    def wire(auth, app):
        bases = (auth.protect(view_class()), auth.authorize("admin")(view_class()))[::order]
        app.router.add_view("/it", type("Both", bases, {}))

    assert await (await guarded(wire)).statuses("/it") == FOR_ADMINS


async def test_an_unguarded_base_in_front_opens_nothing(guarded):
    def wire(auth, app):
        app.router.add_view("/it", type("Both", (view_class(), auth.authorize("admin")(view_class())), {}))

    assert await (await guarded(wire)).statuses("/it") == FOR_ADMINS


async def test_guarding_a_view_leaves_its_base_and_others_alone(guarded):
    def wire(auth, app):
        base = view_class()
        auth.protect(type("Child", (base,), {}))
        app.router.add_view("/it", base)

    assert await (await guarded(wire)).statuses("/it") == OPEN


# --- stacks


@pytest.mark.parametrize("kind", ["function", "view", "method of a view", "bound method"])
@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
async def test_stacked_guards_all_hold_in_any_order_and_authenticate_once(guarded, count_look_ups, kind, order):
    def wire(auth, app):
        guards = [auth.protect, auth.authorize("user"), auth.permit(is_admin)]

        def stacked(thing):
            for index in order:
                thing = guards[index](thing)
            return thing

        match kind:
            case "function":
                app.router.add_get("/it", stacked(plain))
            case "bound method":
                app.router.add_get("/it", stacked(Api().show))
            case "view":
                app.router.add_view("/it", stacked(view_class()))
            case _:
                page = view_class()
                page.get = stacked(page.get)
                app.router.add_view("/it", stacked(page))

    api = await guarded(wire, middlewares=lambda auth: [auth.protect_middleware()])
    seen = count_look_ups(api.api.auth)
    assert await api.status("GET", "/it", api.admin) == 200
    assert seen == [api.admin.access_token]
    assert await api.statuses("/it") == FOR_ADMINS


async def test_authenticates_each_request_anew(guarded, count_look_ups):
    """A connection is kept between requests; what is known of one is not."""
    api = await guarded(lambda auth, app: app.router.add_get("/it", auth.protect(handler)))
    seen = count_look_ups(api.api.auth)
    for pair in (api.user, api.admin, api.user):
        body = await (await api.api.call("GET", "/it", token=pair.access_token)).json()
        assert body["id"] == pair.user.id
    assert await api.status("GET", "/it") == 401
    assert len(seen) == 3


# --- what stays of the handler


def test_decorated_handlers_keep_name_docstring_and_module(make_auth_only):
    auth = make_auth_only()
    for guard in (auth.protect, auth.protect(), auth.authorize("admin"), auth.permit(is_bob)):
        guarded = guard(handler)
        assert (guarded.__name__, guarded.__doc__, guarded.__module__) == ("handler", "Says who it is.", __name__)
        assert guarded.__wrapped__ is handler
        page = view_class()
        assert guard(page) is page
        assert page.__name__ == "Page"


# --- mistakes at decoration


@pytest.fixture
def make_auth_only():
    """An auth object without a database."""
    from tests.unit.test_access_tokens import server  # noqa: PLC0415

    return server


async def _with_two(request, user):
    return True


MISTAKES = {
    "authorize without roles": lambda auth: auth.authorize(),
    "authorize without a call": lambda auth: auth.authorize(plain),
    "authorize without a call on a view": lambda auth: auth.authorize(view_class()),
    "authorize a list": lambda auth: auth.authorize(["admin"]),
    "authorize an unknown role": lambda auth: auth.authorize("root"),
    "authorize a known and an unknown role": lambda auth: auth.authorize("admin", "root"),
    "authorize another case": lambda auth: auth.authorize("Admin"),
    "authorize an empty role": lambda auth: auth.authorize(""),
    "authorize None": lambda auth: auth.authorize(None),
    "permit without arguments": lambda auth: auth.permit(),
    "permit None": lambda auth: auth.permit(None),
    "permit without a check": lambda auth: auth.permit(roles=["admin"]),
    "permit without a call": lambda auth: auth.permit(plain),
    "permit a role": lambda auth: auth.permit("admin"),
    "permit True": lambda auth: auth.permit(True),  # noqa: FBT003 - the mistake
    "permit a check of one argument": lambda auth: auth.permit(lambda request: True),
    "permit a check of three arguments": lambda auth: auth.permit(lambda request, user, more: True),
    "permit an unknown role": lambda auth: auth.permit(roles=["root"], check=is_bob),
    "permit no role": lambda auth: auth.permit(roles=[], check=is_bob),
    "permit roles as a string": lambda auth: auth.permit(roles="admin", check=is_bob),
    "protect a role": lambda auth: auth.protect("admin"),
    "protect a plain function": lambda auth: auth.protect(lambda request: web.Response()),
    "protect a class that is no view": lambda auth: auth.protect(Api),
    "protect a number": lambda auth: auth.protect(1),
    "protect an async generator": lambda auth: auth.protect(_generates),
}


async def _generates(request):
    yield 1


@pytest.mark.parametrize("name", MISTAKES)
def test_refuses_at_decoration(make_auth_only, name):
    with pytest.raises(SentriError) as refused:
        MISTAKES[name](make_auth_only())
    assert refused.value.code == "CONFIGURATION_ERROR"


async def test_a_permit_without_its_call_on_a_method_opens_nothing(guarded):
    """A method has the two parameters of a check, so this gives a guard in place of a handler: aiohttp warns."""

    def wire(auth, app):
        class Mistaken:
            @auth.permit
            async def show(self, request):
                return web.Response()

        with pytest.warns(DeprecationWarning, match="Bare functions"):
            app.router.add_get("/it", Mistaken().show)

    assert await (await guarded(wire)).statuses("/it") == (500, 500, 500)


# --- permission checks


class Truthy:
    def __bool__(self) -> bool:
        return True


def _raises(error):
    def check(request, user):
        raise error

    return check


async def _returns_a_coroutine(request, user):
    return is_admin(request, user)


NO_ANSWERS = {
    "None": lambda request, user: None,
    "1": lambda request, user: 1,
    "0": lambda request, user: 0,
    "yes": lambda request, user: "yes",
    "empty": lambda request, user: "",
    "a list": lambda request, user: [True],
    "truthy": lambda request, user: Truthy(),
    "NotImplemented": lambda request, user: NotImplemented,
    "the user": lambda request, user: user,
    "a function": lambda request, user: is_admin,
    "a response": lambda request, user: web.Response(),
    "an exception": _raises(RuntimeError("the check broke, marker-7121")),
    "an HTTP exception": _raises(web.HTTPOk()),
    "a redirect": _raises(web.HTTPFound("/elsewhere")),
    "a refusal of its own": _raises(SentriError("FORBIDDEN", "marker-7121")),
    "a time-out of its own": _raises(TimeoutError()),
    "a coroutine twice": _returns_a_coroutine,
}


@pytest.mark.parametrize("name", NO_ANSWERS)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_a_check_that_gives_no_bool_is_an_error_and_never_a_pass(guarded, name, caplog):
    check = NO_ANSWERS[name]
    api = await guarded(lambda auth, app: app.router.add_get("/it", auth.permit(check)(plain)))
    response = await api.api.call("GET", "/it", token=api.user.access_token)
    body = await response.text()
    assert response.status == 500
    assert "INTERNAL_ERROR" in body
    assert "marker" not in body
    assert "The permission check" in caplog.text
    assert await api.status("GET", "/it") == 401


async def test_a_check_that_takes_too_long_is_an_error(guarded):
    never = asyncio.Event()

    async def hangs(request, user):
        await never.wait()
        return True

    api = await guarded(lambda auth, app: app.router.add_get("/it", auth.permit(hangs)(plain)), hook_timeout=0.001)
    assert await api.status("GET", "/it", api.user) == 500


async def test_a_check_gets_the_request_and_the_current_user(guarded):
    def own(request, user):
        return request.match_info["id"] == user.id and request[USER] is user

    api = await guarded(lambda auth, app: app.router.add_get("/{id}", auth.permit(own)(plain)))
    assert await api.statuses(f"/{api.user.user.id}") == (401, 200, 403)


async def test_a_listed_role_passes_without_the_check(guarded):
    asked = []

    def check(request, user):
        asked.append(user.id)
        return False

    api = await guarded(
        lambda auth, app: app.router.add_get("/it", auth.permit(roles=["admin", "editor"], check=check)(plain))
    )
    assert await api.statuses("/it") == FOR_ADMINS
    assert asked == [api.user.user.id]


async def test_nobody_reaches_a_check_without_a_token(guarded):
    asked = []
    api = await guarded(
        lambda auth, app: app.router.add_get("/it", auth.permit(lambda request, user: not asked.append(1))(plain))
    )
    assert await api.status("GET", "/it") == 401
    assert not asked


# --- WebSockets and streams


def socket(auth):
    @auth.authorize("user")
    async def handler(request):
        """Answers every message with the state of the session."""
        answers = web.WebSocketResponse()
        await answers.prepare(request)
        async for _ in answers:
            try:
                user = await auth.recheck(request)
            except SentriError as error:
                await answers.send_str(error.code)
            else:
                await answers.send_str(f"{user.identifier} {','.join(user.roles)} {request[USER] is user}")
        return answers

    return handler


async def asked(connection) -> str:
    await connection.send_str("?")
    return await connection.receive_str()


async def test_a_websocket_is_refused_before_the_upgrade(guarded):
    api = await guarded(lambda auth, app: app.router.add_get("/it", socket(auth)))
    with pytest.raises(WSServerHandshakeError) as refused:
        await api.api.client.ws_connect("/it")
    assert refused.value.status == 401


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"], indirect=True)
async def test_a_websocket_learns_that_its_session_has_ended(guarded):
    api = await guarded(lambda auth, app: app.router.add_get("/it", socket(auth)))
    headers = {"Authorization": f"Bearer {api.user.access_token}"}
    async with api.api.client.ws_connect("/it", headers=headers) as connection:
        name = api.user.user.identifier
        assert await asked(connection) == f"{name} user True"
        await api.api.auth.accounts.assign_roles(api.user.user.id, ["editor"])
        assert await asked(connection) == f"{name} user,editor True"
        await api.api.auth.accounts.logout(api.user.user.session_id)
        assert await asked(connection) == "UNAUTHORIZED"
        assert await asked(connection) == "UNAUTHORIZED"


async def test_a_stream_outlives_the_exp_of_its_token_but_not_its_session(guarded, clock):
    api = await guarded(lambda auth, app: app.router.add_get("/it", socket(auth)))
    headers = {"Authorization": f"Bearer {api.user.access_token}"}
    async with api.api.client.ws_connect("/it", headers=headers) as connection:
        clock.advance(3600)
        assert (await asked(connection)).startswith(api.user.user.identifier)
        await api.api.disable(api.user.user.id)
        assert await asked(connection) == "UNAUTHORIZED"


async def test_a_streaming_handler_can_recheck(guarded):
    def wire(auth, app):
        @auth.protect
        async def stream(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one ")
            await auth.accounts.logout(current_user(request).session_id)
            try:
                await auth.recheck(request)
            except SentriError as error:
                await response.write(error.code.encode())
            return response

        app.router.add_get("/it", stream)

    api = await guarded(wire)
    response = await api.api.call("GET", "/it", token=api.user.access_token)
    assert await response.text() == "one UNAUTHORIZED"
    assert await api.status("GET", "/it", api.user) == 401


async def test_recheck_without_a_guard_authenticates(guarded):
    def wire(auth, app):
        async def handler(request):
            return web.Response(text=(await auth.recheck(request)).identifier)

        app.router.add_get("/it", handler)

    assert await (await guarded(wire)).statuses("/it") == FOR_USERS
