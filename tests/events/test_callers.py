"""Who tells what: callers in Python, services of the host's, guards that are asked ahead, two servers side by side."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from aiohttp import web

from sentri import SentriError, current_user
from sentri.config.options import SERVICES
from sentri.happenings import EVENT_HOOKS
from sentri.server.auth import AuthServer
from tests.events.provoking import ELSEWHERE, NEW, WRONG
from tests.support import PASSWORD, assert_error, data_of, host_application

OF_SERVICES = {
    "register": "user.registered",
    "login": "login.succeeded",
    "refresh": None,
    "logout": "session.revoked",
    "logout_all": "session.revoked",
    "assign_roles": "roles.changed",
    "change_identifier": "identifier.changed",
    "change_password": "password.changed",
}
"""Service → the event of its success; a refresh is nothing that anybody has to hear of."""
OLDER_HOOKS = {
    "register": ["on_register"],
    "login": ["on_login"],
    "refresh": [],
    "logout": ["on_logout"],
    "logout_all": ["on_logout"],
    "assign_roles": ["on_roles_change"],
    "change_identifier": ["on_identifier_change"],
    "change_password": ["on_password_change"],
}
"""Service → the hooks that are told what came over HTTP, whoever does it."""


# --- Python


async def test_callers_in_python_are_heard_without_a_request(start):
    world = await start()
    accounts = world.api.auth.accounts
    user = await accounts.register("Ann", PASSWORD, ["user"])
    with contextlib.suppress(SentriError):
        await accounts.login("Ann", WRONG)
    pair = await accounts.login("Ann", PASSWORD)
    await accounts.logout(pair.user.session_id)
    await accounts.assign_roles(user.id, ["editor"])
    await accounts.assign_roles(user.id, ["editor"])  # changes nothing
    await accounts.change_identifier(user.id, "Bob")
    await accounts.start_session(user.id)
    await accounts.logout_all(user.id)
    await accounts.logout_all(user.id)  # ends nothing
    await accounts.change_password(user.id, PASSWORD, NEW)
    told = [(event.name, event.reason) for event in world.watch.events]
    assert told == [
        ("user.registered", None),
        ("login.failed", "wrong_password"),
        ("login.succeeded", None),
        ("session.revoked", "logout"),
        ("roles.changed", None),
        ("identifier.changed", None),
        ("login.succeeded", None),
        ("session.revoked", "logout_all"),
        ("password.changed", None),
        ("session.revoked", "password_changed"),
    ]
    for event in world.watch.events:
        assert (event.user_id, event.actor_id, event.request, event.client) == (user.id, None, None, None)
        world.watch.assert_told_once(event)
    assert {call[0] for call in world.watch.calls} <= set(EVENT_HOOKS), "the older hooks tell what came over HTTP"


async def test_a_handler_of_the_host_s_is_a_caller_in_python(start):
    async def leave(request: web.Request) -> web.Response:
        user = current_user(request)
        await auth.accounts.logout(user.session_id)
        return web.Response()

    def app(made):
        host = host_application(made)
        host.router.add_post("/leave", made.protect(leave))
        return host

    world = await start(app)
    auth = world.api.auth
    pair = await world.api.session()
    assert (await world.api.post("/leave", token=pair.access_token)).status == 200
    [event] = world.watch.named("session.revoked")
    assert (event.user_id, event.request) == (pair.user.id, None)


# --- services of the host's


async def call(world, name):
    """A request that reaches the service."""
    admin = await world.api.session(roles=("admin",))
    ann = await world.api.user("Ann")
    pair = await world.api.session(ann)
    world.watch.calls.clear()
    method, path, body, token = {
        "register": ("POST", "/register", {"identifier": "Bob", "password": PASSWORD}, None),
        "login": ("POST", "/login", {"identifier": "Ann", "password": PASSWORD}, None),
        "refresh": ("POST", "/refresh", {"refreshToken": pair.refresh_token}, None),
        "logout": ("POST", "/logout", None, pair.access_token),
        "logout_all": ("POST", "/logout-all", None, pair.access_token),
        "assign_roles": ("POST", f"/users/{ann.id}/roles", {"roles": ["editor"]}, admin.access_token),
        "change_identifier": ("PATCH", "/me/identifier", {"identifier": "Bob"}, pair.access_token),
        "change_password": (
            *("PATCH", "/me/password"),
            {"currentPassword": PASSWORD, "newPassword": NEW},
            pair.access_token,
        ),
    }[name]
    response = await world.api.call(method, f"/auth{path}", body, token=token)
    assert response.status < 300, await response.text()


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_that_calls_the_built_in_one_is_told_of_once(start, name):
    async def service(**given):
        return await getattr(world.api.auth.accounts, name)(**given)

    world = await start(router={name: service})
    await call(world, name)
    names = [event.name for event in world.watch.events]
    also = ["session.revoked"] if name == "change_password" else []
    assert names == [event for event in (OF_SERVICES[name], *also) if event]


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_of_the_host_s_own_is_told_of_by_the_endpoint(start, name):
    """It does the same by other means: here, those of another auth object, which tells nothing to this one."""

    async def service(**given):
        return await getattr(other.accounts, name)(**given)

    world = await start(router={name: service})
    options = replace(world.api.auth._options, hooks=None, router=None)  # noqa: SLF001
    other = AuthServer(options, clock=world.clock)
    world.watch.records.clear()
    async with other:
        await call(world, name)
    told = [event for event in world.watch.events if event.name == OF_SERVICES[name]]
    assert len(told) == (0 if OF_SERVICES[name] is None else 1)
    assert [call[0] for call in world.watch.calls if call[0] not in EVENT_HOOKS] == OLDER_HOOKS[name]
    assert all(event.request is not None and event.client is not None for event in told)


@pytest.mark.parametrize(("name", "event"), [("login", "login.failed"), ("change_password", "reauthentication.failed")])
async def test_a_refusal_by_a_service_of_the_host_s_own_is_told(start, name, event):
    async def service(**_):
        raise SentriError("INVALID_CREDENTIALS", "No.")

    world = await start(router={name: service})
    pair = await world.api.session(await world.api.user("Ann"))
    body = {"identifier": "Ann", "password": PASSWORD}
    if name == "login":
        response = await world.api.post("/auth/login", body)
    else:
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        response = await world.api.call("PATCH", "/auth/me/password", body, token=pair.access_token)
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    [told] = world.watch.named(event)
    world.watch.assert_told_once(told)


# --- guards that are asked ahead of their turn


def with_idempotency(auth):
    app = web.Application()
    auth.setup(app)

    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    app.router.add_post("/admin", auth.protect(auth.authorize("admin")(handler)))
    app.router.add_post("/owner", auth.permit(lambda *_: False)(handler))
    return app


@pytest.mark.parametrize("path", ["/admin", "/owner", "/auth/users/{id}/roles"])
async def test_a_keyed_request_that_is_refused_is_told_of_once(start, path):
    world = await start(with_idempotency)
    pair = await world.api.session()
    keyed = {"Idempotency-Key": "one"}
    response = await world.api.post(
        path.format(id=pair.user.id), {"roles": ["user"]}, token=pair.access_token, headers=keyed
    )
    await assert_error(response, 403, "FORBIDDEN")
    [event] = world.watch.named("permission.denied")
    assert event.user_id == pair.user.id
    world.watch.assert_told_once(event)


@pytest.mark.parametrize("path", ["/auth/register", "/admin"])
async def test_a_keyed_request_of_another_site_is_told_of_once(start, path):
    world = await start(with_idempotency, cookie={}, access_cookie={})
    pair = await world.api.session()
    cookies = {"Cookie": f"access_token={pair.access_token}"}
    body = {"identifier": "Ann", "password": PASSWORD}
    headers = {**ELSEWHERE, **cookies, "Idempotency-Key": "one"}
    await assert_error(await world.api.post(path, body, headers=headers), 403, "FORBIDDEN")
    [event] = world.watch.named("permission.denied")
    assert (event.reason, event.request) == ("cross_site", f"POST {path}")


# --- what must not happen


async def test_a_protected_request_and_a_refresh_tell_nothing(start):
    world = await start()
    pair = await world.api.session()
    before = len(world.watch.events)
    await data_of(await world.api.me(pair.access_token))
    assert (await world.api.call("GET", "/profile", token=pair.access_token)).status == 200
    assert (await world.api.call("GET", "/profile", token="no token")).status == 401
    await data_of(await world.api.refresh(pair.refresh_token))
    assert len(world.watch.events) == before


async def test_what_one_request_did_is_not_told_of_another(start):
    """Requests of one connection follow each other in one task."""
    world = await start()
    await world.api.user("Ann")
    pair = await world.api.session()
    await data_of(await world.api.post("/auth/logout", token=pair.access_token))
    await assert_error(await world.api.login("Ann", WRONG), 401, "INVALID_CREDENTIALS")
    [event] = world.watch.named("login.failed")
    assert (event.actor_id, event.request) == (None, "POST /auth/login")


def test_every_service_is_among_them():
    assert set(OF_SERVICES) == set(OLDER_HOOKS) == set(SERVICES)
