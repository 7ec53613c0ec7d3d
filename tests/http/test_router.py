"""`router`: services that are replaced one by one, with everything around them left in place."""

from __future__ import annotations

import pytest
from aiohttp import web

from sentri import AuthUser, SentriError
from sentri.config.options import SERVICES
from tests.support import PASSWORD, PASSWORD_HASH, assert_error, data_of

KEY = "an API key for tests, of thirty-two bytes and more"
NEW_PASSWORD = "battery staple"


class Wrapping:
    """A replacement that calls the built-in service, and remembers with what."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[dict] = []
        self.auth = None

    async def __call__(self, **given):
        self.calls.append(given)
        return await getattr(self.auth.accounts, self.name)(**given)


@pytest.fixture
async def wrapped(make_api, hooks):
    """Makes an application with one wrapped service."""

    async def make(name, **options):
        service = Wrapping(name)
        api = await make_api(router={name: service}, hooks=hooks, **options)
        service.auth = api.auth
        return api, service

    return make


async def request_for(name, api):
    """The answer to a request that reaches the service, and what the service has to be given."""
    admin = await api.session(roles=("admin",))
    ann = await api.user(f"Ann of {name}")
    pair = await api.session(ann)
    password = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    method, path, body, token, given = {
        "register": (
            *("POST", "/register", {"identifier": " Bob ", "password": PASSWORD, "roles": ["user", "user"]}, None),
            {"identifier": "Bob", "password": PASSWORD, "roles": ("user",)},
        ),
        "login": (
            *("POST", "/login", {"identifier": f" {ann.identifier} ", "password": PASSWORD}, None),
            {"identifier": ann.identifier, "password": PASSWORD},
        ),
        "refresh": (
            *("POST", "/refresh", {"refreshToken": pair.refresh_token}, None),
            {"refresh_token": pair.refresh_token},
        ),
        "logout": ("POST", "/logout", None, pair.access_token, {"session_id": pair.user.session_id}),
        "logout_all": ("POST", "/logout-all", None, pair.access_token, {"user_id": ann.id}),
        "assign_roles": (
            *("POST", f"/users/{ann.id}/roles", {"roles": ["editor"]}, admin.access_token),
            {"user_id": ann.id, "roles": ("editor",)},
        ),
        "change_identifier": (
            *("PATCH", "/me/identifier", {"identifier": " Bob"}, pair.access_token),
            {"user_id": ann.id, "identifier": "Bob"},
        ),
        "change_password": (
            *("PATCH", "/me/password", password, pair.access_token),
            {"user_id": ann.id, "current_password": PASSWORD, "new_password": NEW_PASSWORD},
        ),
    }[name]
    return await api.call(method, f"/auth{path}", body, token=token), given


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_can_be_wrapped(wrapped, told, name):
    """It gets validated input by name, its answer is the endpoint's, and the hook is told once."""
    api, service = await wrapped(name)
    response, given = await request_for(name, api)
    await data_of(response, 201 if name == "register" else 200)
    assert service.calls == [given]
    assert len(told) == (0 if name == "refresh" else 1)


@pytest.mark.parametrize("name", SERVICES)
async def test_the_built_in_service_stays_callable_and_is_not_replaced_itself(wrapped, name):
    api, service = await wrapped(name)
    user = await api.auth.accounts.register("Carl", PASSWORD)
    await api.auth.accounts.login("Carl", PASSWORD)
    await api.auth.accounts.change_identifier(user.id, "Carla")
    await api.auth.accounts.logout_all(user.id)
    assert service.calls == []


async def test_a_replacement_can_stand_alone(make_api):
    """A directory of the host's own."""
    elsewhere = AuthUser("6f1c1a52-7e0a-4c1e-9b7e-0d2f3a4b5c6d", "Ann", ("user",))

    async def register(identifier, password, roles):
        return elsewhere

    api = await make_api(router={"register": register})
    data = await data_of(await api.post("/auth/register", {"identifier": "x", "password": PASSWORD}), 201)
    assert data == {"user": elsewhere.to_dict()}


async def test_the_error_of_a_replacement_is_the_answer(make_api, in_process):
    class Closed(SentriError):
        def __init__(self):
            super().__init__("CLOSED", "Come back tomorrow.", 403)

    async def login(identifier, password):
        raise Closed

    api = await make_api(router={"login": login})
    await assert_error(await api.login("Ann"), 403, "CLOSED")


# --- what stays around it


async def test_the_api_key_is_asked_before_a_replaced_registration(wrapped):
    api, service = await wrapped("register", api_key=KEY)
    body = {"identifier": "Bob", "password": PASSWORD}
    await assert_error(await api.post("/auth/register", body), 401, "UNAUTHORIZED")
    assert service.calls == []
    await data_of(await api.post("/auth/register", body, headers={"X-Api-Key": KEY}), 201)


async def test_a_replaced_registration_gives_away_no_role(wrapped):
    api, service = await wrapped("register")
    body = {"identifier": "Bob", "password": PASSWORD, "roles": ["admin"]}
    await assert_error(await api.post("/auth/register", body), 403, "FORBIDDEN")
    assert service.calls == []


async def test_only_admins_reach_a_replaced_assignment_of_roles(wrapped):
    api, service = await wrapped("assign_roles")
    pair = await api.session()
    response = await api.post(f"/auth/users/{pair.user.id}/roles", {"roles": ["admin"]}, token=pair.access_token)
    await assert_error(response, 403, "FORBIDDEN")
    assert service.calls == []


async def test_only_authentic_tokens_reach_a_replaced_logout(wrapped):
    api, service = await wrapped("logout")
    headers = {"Authorization": "Bearer garbage"}
    await assert_error(await api.post("/auth/logout", headers=headers), 401, "TOKEN_INVALID")
    assert service.calls == []


async def test_reauthentication_is_asked_before_a_replaced_change_of_identifier(wrapped, clock):
    api, service = await wrapped("change_identifier", reauth_within=60)
    pair = await api.session()
    clock.advance(61)
    response = await api.call("PATCH", "/auth/me/identifier", {"identifier": "Bob"}, token=pair.access_token)
    await assert_error(response, 403, "REAUTHENTICATION_REQUIRED")
    assert service.calls == []


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("register", "/auth/register", {"identifier": "a\nb", "password": PASSWORD}),
        ("register", "/auth/register", {"identifier": "Bob", "password": "short"}),
        ("login", "/auth/login", {"identifier": "Bob", "password": "x" * 73}),
        ("refresh", "/auth/refresh", {"refreshToken": 5}),
    ],
)
async def test_only_valid_input_reaches_a_replacement(wrapped, name, path, body):
    api, service = await wrapped(name)
    await assert_error(await api.post(path, body), 400, "VALIDATION_ERROR")
    assert service.calls == []


# --- what it answers with


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"logout", "logout_all", "change_password"}))
@pytest.mark.parametrize("result", [None, {"id": 1}, PASSWORD_HASH])
async def test_a_result_of_a_wrong_type_is_a_500(make_api, told, hooks, name, result):
    async def service(**given):
        return result

    api = await make_api(router={name: service}, hooks=hooks)
    response, _ = await request_for(name, api)
    await assert_error(response, 500, "INTERNAL_ERROR")
    assert PASSWORD_HASH not in await response.text()
    assert told == []


class ClientClosed(web.HTTPClientError):
    """What nginx calls a client that hung up; no standard knows it."""

    status_code = 499


@pytest.mark.parametrize(
    ("error", "status", "code"), [(web.HTTPConflict, 409, "CONFLICT"), (ClientClosed, 499, "HTTP_499")]
)
@pytest.mark.usefixtures("in_process")  # errors of aiohttp cannot be sent to another one
async def test_http_errors_of_a_replacement_get_the_envelope_whatever_their_status(make_api, error, status, code):
    def refuse(identifier, password):
        raise error(text="not for the caller")

    api = await make_api(router={"login": refuse})
    response = await api.login("Ann")
    await assert_error(response, status, code)
    assert "not for the caller" not in await response.text()


async def test_a_replacement_may_be_a_plain_function(make_api):
    elsewhere = AuthUser("6f1c1a52-7e0a-4c1e-9b7e-0d2f3a4b5c6d", "Ann", ("user",))
    api = await make_api(
        router={"register": lambda identifier, password, roles: elsewhere, "login": lambda identifier, password: None}
    )
    data = await data_of(await api.post("/auth/register", {"identifier": "x", "password": PASSWORD}), 201)
    assert data == {"user": elsewhere.to_dict()}
    await assert_error(await api.login("Ann"), 500, "INTERNAL_ERROR")  # no TokenPair


# --- at creation


@pytest.mark.parametrize("service", [lambda: None, lambda x: None, 5, None, "login"])
def test_refuses_a_service_that_cannot_be_called_with_its_arguments(make_auth, service):
    for name in SERVICES:
        with pytest.raises(SentriError, match=f"router {name} must be a function of") as caught:
            make_auth(router={name: service})
        assert caught.value.code == "CONFIGURATION_ERROR"


def test_refuses_an_unknown_service_and_names_the_nearest(make_auth):
    with pytest.raises(SentriError, match="router has an unknown entry 'log_in'; did you mean login") as caught:
        make_auth(router={"log_in": lambda identifier, password: None})
    assert caught.value.code == "CONFIGURATION_ERROR"
