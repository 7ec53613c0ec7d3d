"""/admin/users: what admins do with users over HTTP."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from aiohttp import web

from sentri.randomness import new_id
from sentri.storage import Users
from tests.support import PASSWORD, PASSWORD_HASH, assert_error, data_of

SOME_ID = "6f1c1a52-7e0a-4c1e-9b7e-0d2f3a4b5c6d"
NEW_PASSWORD = "a password that nobody had"

ABOUT_A_USER = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("PUT", "/password", {"password": NEW_PASSWORD}),
    ("PUT", "/roles", {"roles": ["user"]}),
    ("POST", "/roles", {"roles": ["user"]}),
    ("DELETE", "/roles/user", None),
    ("POST", "/disable", None),
    ("POST", "/enable", None),
    ("GET", "/sessions", None),
    ("DELETE", "/sessions", None),
]


@pytest.fixture
async def api(make_api, hooks, told):
    return await make_api(hooks=hooks | {"on_event": lambda event: told.append(("on_event", event))})


@pytest.fixture
async def admin(api):
    return await api.session(await api.user("the admin", roles=("admin",)))


@pytest.fixture
def ask(api, admin):
    """A request of the admin's."""

    async def ask(method, path, body=None, **more):
        return await api.call(method, f"/auth/admin{path}", body, token=admin.access_token, **more)

    return ask


def events_of(told, *names):
    """The events with these names, in order."""
    return [what[0] for hook, *what in told if hook == "on_event" and what[0].name in names]


# --- listing


async def test_lists_users_page_by_page(api, ask):
    for name in ("Cleo", "ann", "Bob"):
        await api.user(name)
    first = await data_of(await ask("GET", "/users?limit=3"))
    assert [user["identifier"] for user in first["users"]] == ["ann", "Bob", "Cleo"]
    second = await data_of(await ask("GET", f"/users?limit=3&cursor={first['nextCursor']}"))
    assert [user["identifier"] for user in second["users"]] == ["the admin"]
    assert second["nextCursor"] is None


async def test_a_user_is_shown_without_hash_or_key(api, ask):
    user = await api.user("Ann", roles=("user", "editor"))
    (shown,) = (await data_of(await ask("GET", "/users?search=ann")))["users"]
    assert shown == {
        "id": user.id,
        "identifier": "Ann",
        "roles": ["user", "editor"],
        "createdAt": shown["createdAt"],
        "disabledAt": None,
    }
    assert shown["createdAt"].endswith("Z")
    assert await data_of(await ask("GET", f"/users/{user.id}")) == {"user": shown}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=AN", ["Ann", "anna"]),
        ("search=nn", []),
        ("contains=nn", ["Ann", "anna", "Joanne"]),
        ("contains=NN&role=editor", ["Joanne"]),
        ("role=admin", ["the admin"]),
        ("disabled=true", ["anna"]),
        ("disabled=false&search=a", ["Ann"]),
        ("search=a&contains=a&role=user&disabled=true", ["anna"]),
        ("search=%25", []),
    ],
)
async def test_finds_users(api, ask, query, found):
    await api.user("Ann")
    disabled = await api.user("anna")
    await api.user("Joanne", roles=("editor",))
    await api.disable(disabled.id)
    page = await data_of(await ask("GET", f"/users?{query}"))
    assert ([user["identifier"] for user in page["users"]], page["nextCursor"]) == (found, None)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "VALIDATION_ERROR", "limit"),
        ("limit=101", "VALIDATION_ERROR", "limit"),
        ("limit=x", "VALIDATION_ERROR", "limit"),
        ("cursor=", "VALIDATION_ERROR", "cursor"),
        ("cursor=!", "VALIDATION_ERROR", "cursor"),
        ("cursor=AA", "VALIDATION_ERROR", "cursor"),
        ("cursor=_w", "VALIDATION_ERROR", "cursor"),
        ("cursor=" + "YWFh" * 200, "VALIDATION_ERROR", "cursor"),
        ("search=", "VALIDATION_ERROR", "search"),
        ("search=%00", "VALIDATION_ERROR", "search"),
        ("contains=%E2%80%8B", "VALIDATION_ERROR", "contains"),
        ("search=" + "a" * 256, "VALIDATION_ERROR", "search"),
        ("role=boss", "INVALID_ROLE", "roles"),
        ("disabled=perhaps", "VALIDATION_ERROR", "disabled"),
        ("order=created", "VALIDATION_ERROR", "order"),
        ("search=a&search=b", "VALIDATION_ERROR", "query"),
    ],
)
async def test_refuses_a_query_that_is_none(ask, query, code, field):
    error = await assert_error(await ask("GET", f"/users?{query}"), 400, code)
    assert error["message"].startswith(f"{field}: ")


# --- one user


@pytest.mark.parametrize(("method", "path", "body"), ABOUT_A_USER)
async def test_a_user_who_is_not_there_is_404(ask, method, path, body):
    await assert_error(await ask(method, f"/users/{new_id()}{path}", body), 404, "USER_NOT_FOUND")


@pytest.mark.parametrize(("method", "path", "body"), ABOUT_A_USER)
@pytest.mark.parametrize("user_id", ["1", "%00", "'", SOME_ID.upper(), f"{SOME_ID}%0A", "user-imports"])
async def test_what_is_no_id_is_400(ask, method, path, body, user_id):
    error = await assert_error(await ask(method, f"/users/{user_id}{path}", body), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("userId: ")


async def test_makes_a_user_who_can_log_in(api, ask, told, admin):
    body = {"identifier": " New ", "password": NEW_PASSWORD, "roles": ["editor", "admin"]}
    user = (await data_of(await ask("POST", "/users", body), 201))["user"]
    assert (user["identifier"], user["roles"], user["disabledAt"]) == ("New", ["editor", "admin"], None)
    assert (await data_of(await api.login("new", NEW_PASSWORD)))["user"]["id"] == user["id"]
    (event,) = events_of(told, "user.created")
    assert (event.user_id, event.actor_id, event.details["roles"]) == (user["id"], admin.user.id, ("editor", "admin"))
    assert event.request == "POST /auth/admin/users"
    assert not events_of(told, "user.registered")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"identifier": "THE ADMIN", "password": NEW_PASSWORD}, 409, "USER_ALREADY_EXISTS"),
        ({"identifier": "x", "password": "short"}, 400, "VALIDATION_ERROR"),
        ({"identifier": "x", "password": NEW_PASSWORD, "roles": ["boss"]}, 400, "INVALID_ROLE"),
        ({"identifier": "\u200b", "password": NEW_PASSWORD}, 400, "VALIDATION_ERROR"),
        ({"identifier": "x"}, 400, "VALIDATION_ERROR"),
        ({"identifier": "x", "password": NEW_PASSWORD, "id": SOME_ID}, 400, "VALIDATION_ERROR"),
    ],
)
async def test_makes_none_of_wrong_input(ask, told, body, status, code):
    await assert_error(await ask("POST", "/users", body), status, code)
    assert not events_of(told, "user.created")


async def test_setting_a_password_ends_every_session(api, ask, told, admin):
    user = await api.user("Ann")
    pairs = [await api.session(user) for _ in range(3)]
    assert await data_of(await ask("PUT", f"/users/{user.id}/password", {"password": NEW_PASSWORD})) is None
    for pair in pairs:
        await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
        await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    await assert_error(await api.login("Ann", PASSWORD), 401, "INVALID_CREDENTIALS")
    await data_of(await api.login("Ann", NEW_PASSWORD))
    (event,) = events_of(told, "password.changed")
    assert (event.user_id, event.actor_id, event.reason) == (user.id, admin.user.id, "admin")
    assert ("on_password_change", user.id) in told


async def test_a_password_that_may_not_be_set_changes_nothing(api, ask):
    pair = await api.session()
    await assert_error(
        await ask("PUT", f"/users/{pair.user.id}/password", {"password": "short"}), 400, "VALIDATION_ERROR"
    )
    await data_of(await api.me(pair.access_token))


async def test_sets_adds_and_removes_roles(api, ask, told, admin):
    user = await api.user(roles=("user",))
    answers = [
        await data_of(await ask("POST", f"/users/{user.id}/roles", {"roles": ["editor", "user"]})),
        await data_of(await ask("PUT", f"/users/{user.id}/roles", {"roles": ["admin", "editor", "admin"]})),
        await data_of(await ask("DELETE", f"/users/{user.id}/roles/admin")),
        await data_of(await ask("DELETE", f"/users/{user.id}/roles/admin")),
        await data_of(await ask("PUT", f"/users/{user.id}/roles", {"roles": []})),
    ]
    roles = [answer["user"]["roles"] for answer in answers]
    assert roles == [["user", "editor"], ["admin", "editor"], ["editor"], ["editor"], []]
    events = events_of(told, "roles.changed")
    assert [event.details["after"] for event in events] == [("user", "editor"), ("admin", "editor"), ("editor",), ()]
    assert {(event.user_id, event.actor_id) for event in events} == {(user.id, admin.user.id)}
    hooked = [(changed.roles, old) for hook, changed, *rest in told if hook == "on_roles_change" for old in rest]
    assert hooked == [(event.details["after"], event.details["before"]) for event in events]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/roles", {"roles": ["boss"]}), ("POST", "/roles", {"roles": ["boss"]}), ("DELETE", "/roles/boss", None)],
)
async def test_refuses_a_role_that_does_not_exist(api, ask, method, path, body):
    user = await api.user()
    await assert_error(await ask(method, f"/users/{user.id}{path}", body), 400, "INVALID_ROLE")


async def test_disabling_ends_every_session_until_enabling(api, ask, told, admin):
    user = await api.user("Ann")
    pair = await api.session(user)
    disabled = (await data_of(await ask("POST", f"/users/{user.id}/disable")))["user"]
    assert disabled["disabledAt"] is not None
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    await assert_error(await api.login("Ann"), 401, "INVALID_CREDENTIALS")
    assert (await data_of(await ask("POST", f"/users/{user.id}/disable")))["user"] == disabled
    assert (await data_of(await ask("POST", f"/users/{user.id}/enable")))["user"]["disabledAt"] is None
    await data_of(await ask("POST", f"/users/{user.id}/enable"))
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
    await data_of(await api.login("Ann"))
    events = events_of(told, "user.disabled", "user.enabled")
    assert [event.name for event in events] == ["user.disabled", "user.enabled"]
    assert {(event.user_id, event.actor_id) for event in events} == {(user.id, admin.user.id)}
    (revoked,) = events_of(told, "session.revoked")
    assert (revoked.user_id, revoked.reason) == (user.id, "user_disabled")


async def test_deleting_takes_everything_along(api, ask, told, admin):
    user = await api.user("Ann")
    pair = await api.session(user)
    assert await data_of(await ask("DELETE", f"/users/{user.id}")) is None
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    await assert_error(await api.login("Ann"), 401, "INVALID_CREDENTIALS")
    await assert_error(await ask("DELETE", f"/users/{user.id}"), 404, "USER_NOT_FOUND")
    assert await Users(api.database).by_id(user.id) is None
    (event,) = events_of(told, "user.deleted")
    assert (event.user_id, event.actor_id) == (user.id, admin.user.id)


# --- oneself


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "", None),
        ("POST", "/disable", None),
        ("PUT", "/password", {"password": NEW_PASSWORD}),
        ("PUT", "/roles", {"roles": ["user", "editor"]}),
        ("PUT", "/roles", {"roles": []}),
        ("DELETE", "/roles/admin", None),
    ],
)
async def test_an_admin_does_not_do_it_to_themself(api, ask, admin, *, method, path, body):
    before = await Users(api.database).by_id(admin.user.id)
    await assert_error(await ask(method, f"/users/{admin.user.id}{path}", body), 409, "OWN_ACCOUNT")
    assert await Users(api.database).by_id(admin.user.id) == before
    await data_of(await api.me(admin.access_token))


async def test_an_admin_may_change_their_other_roles(api, ask, admin):
    own = f"/users/{admin.user.id}/roles"
    assert (await data_of(await ask("PUT", own, {"roles": ["editor", "admin"]})))["user"]["roles"] == [
        "editor",
        "admin",
    ]
    assert (await data_of(await ask("DELETE", f"{own}/editor")))["user"]["roles"] == ["admin"]
    assert (await data_of(await ask("POST", own, {"roles": ["user"]})))["user"]["roles"] == ["admin", "user"]


async def test_with_several_admin_roles_one_of_them_stays(make_api):
    api = await make_api(admin_roles=("admin", "editor"))
    pair = await api.session(roles=("admin", "editor"))
    path = f"/auth/admin/users/{pair.user.id}/roles"
    await data_of(await api.call("DELETE", f"{path}/admin", token=pair.access_token))
    await assert_error(await api.call("DELETE", f"{path}/editor", token=pair.access_token), 409, "OWN_ACCOUNT")


async def test_of_two_takings_of_different_admin_roles_from_oneself_one_is_refused(make_api):
    api = await make_api(admin_roles=("admin", "editor"))
    pair = await api.session(roles=("admin", "editor"))
    path = f"/auth/admin/users/{pair.user.id}/roles"
    both = [api.call("DELETE", f"{path}/{role}", token=pair.access_token) for role in ("admin", "editor")]
    assert sorted(response.status for response in await asyncio.gather(*both)) == [200, 409]


async def test_another_admin_may(api, ask):
    other = await api.user(roles=("admin",))
    await data_of(await ask("PUT", f"/users/{other.id}/roles", {"roles": []}))
    await data_of(await ask("POST", f"/users/{other.id}/disable"))
    await data_of(await ask("DELETE", f"/users/{other.id}"))


async def test_who_is_demoted_is_no_admin_for_the_next_request(api, ask):
    other = await api.session(roles=("admin",))
    await data_of(await api.call("GET", "/auth/admin/users", token=other.access_token))
    await data_of(await ask("DELETE", f"/users/{other.user.id}/roles/admin"))
    await assert_error(await api.call("GET", "/auth/admin/users", token=other.access_token), 403, "FORBIDDEN")


# --- bulk import


async def test_imports_all_of_them(api, ask, told, admin):
    rows = [
        {"identifier": "Ann", "passwordHash": PASSWORD_HASH, "roles": ["editor"]},
        {"identifier": "Bob", "password": NEW_PASSWORD, "id": SOME_ID, "createdAt": "2020-02-29T12:00:00+01:00"},
        {"identifier": "Cleo", "passwordHash": PASSWORD_HASH, "disabled": True},
    ]
    report = await data_of(await ask("POST", "/user-imports", {"users": rows}))
    assert report == {"created": 3, "skipped": 0, "failed": []}
    assert (await data_of(await api.login("ann", PASSWORD)))["user"]["roles"] == ["editor"]
    assert (await data_of(await api.login("bob", NEW_PASSWORD)))["user"]["id"] == SOME_ID
    await assert_error(await api.login("cleo", PASSWORD), 401, "INVALID_CREDENTIALS")
    bob = (await data_of(await ask("GET", f"/users/{SOME_ID}")))["user"]
    assert bob["createdAt"] == "2020-02-29T11:00:00Z"
    (event,) = events_of(told, "user.imported")
    assert (event.actor_id, event.details["users"]) == (admin.user.id, 3)


async def test_imports_none_where_a_row_is_in_the_way(api, ask, told):
    rows = [
        {"identifier": "Ann", "passwordHash": PASSWORD_HASH},
        {"identifier": "the admin", "passwordHash": PASSWORD_HASH},
        {"identifier": "Bob", "passwordHash": "secret-not-a-hash"},
    ]
    error = await assert_error(await ask("POST", "/user-imports", {"users": rows}), 422, "IMPORT_REFUSED")
    assert error["message"].startswith("Nothing was imported. row 2: identifier: a user with this identifier exists")
    assert "row 3: passwordHash: " in error["message"]
    assert "secret-not-a-hash" not in error["message"]
    assert await Users(api.database).by_key("ann") is None
    assert not events_of(told, "user.imported")


async def test_imports_what_can_be_imported_and_reports_the_rest(api, ask):
    rows = [
        {"identifier": "Ann", "passwordHash": PASSWORD_HASH},
        {"identifier": "the admin", "passwordHash": PASSWORD_HASH},
        {"identifier": "Bob", "passwordHash": "x"},
        {"identifier": "Cleo", "passwordHash": PASSWORD_HASH, "roles": ["boss"]},
        {"identifier": "ANN", "passwordHash": PASSWORD_HASH},
    ]
    body = {"users": rows, "allOrNothing": False}
    report = await data_of(await ask("POST", "/user-imports", body))
    assert (report["created"], report["skipped"]) == (1, 0)
    assert [(row["row"], row["field"], row["code"]) for row in report["failed"]] == [
        (2, "identifier", "USER_ALREADY_EXISTS"),
        (3, "passwordHash", "VALIDATION_ERROR"),
        (4, "roles", "INVALID_ROLE"),
        (5, "identifier", "USER_ALREADY_EXISTS"),
    ]
    again = await data_of(await ask("POST", "/user-imports", body | {"existing": "skip"}))
    assert (again["created"], again["skipped"], len(again["failed"])) == (0, 3, 2)


@pytest.mark.parametrize(
    "body",
    [
        {"users": []},
        {"users": [{"identifier": "x", "password": NEW_PASSWORD, "extra": 1}]},
        {"users": [{"identifier": 1, "password": NEW_PASSWORD}]},
        {"users": [{"identifier": "x", "passwordHash": PASSWORD_HASH}], "existing": "overwrite"},
        {"users": [{"identifier": "x", "passwordHash": PASSWORD_HASH, "createdAt": "2020-01-01T00:00:00"}]},
        {"users": [{"identifier": f"x{n}", "passwordHash": PASSWORD_HASH} for n in range(1001)]},
        {"users": [{"identifier": f"x{n}", "password": NEW_PASSWORD} for n in range(101)]},
    ],
)
async def test_refuses_what_is_no_import(ask, body):
    await assert_error(await ask("POST", "/user-imports", body), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"createdAt": "yesterday"}, "createdAt: must be an instant with a time zone, such as 2026-11-25T12:00:00Z."),
        ({"createdAt": "2020-01-01T00:00:00"}, "createdAt: must be an instant with a time zone, such as"),
        ({"createdAt": 5}, "createdAt: must be an instant with a time zone, such as"),
        ({"disabled": "secret"}, "disabled: must be true or false."),
        ({"identifier": 5}, "identifier: must be a string."),
        ({"roles": "secret"}, "roles: must be a list."),
        ({"roles": [5]}, "roles: must hold only values that are a string."),
        ({"email": "secret"}, "email: is not a field of this request."),
        ({"x` - at `$.users[7]": "secret"}, "has an unknown field."),
        (None, "identifier: is required."),
        ("secret", "must be a JSON object."),
    ],
)
@pytest.mark.parametrize("all_or_nothing", [True, False])
async def test_what_is_no_import_is_told_by_row_and_field(ask, wrong, message, all_or_nothing):
    good = {"identifier": "x", "passwordHash": PASSWORD_HASH}
    second = good | wrong if isinstance(wrong, dict) else wrong or {"passwordHash": PASSWORD_HASH}
    body = {"users": [good, second], "allOrNothing": all_or_nothing}
    error = await assert_error(await ask("POST", "/user-imports", body), 400, "VALIDATION_ERROR")
    assert error["message"].startswith(f"users: row 2: {message}")
    assert "secret" not in error["message"]


async def test_an_import_may_be_larger_than_other_bodies_up_to_a_mebibyte(ask):
    rows = [{"identifier": f"{'x' * 200}{n}", "passwordHash": PASSWORD_HASH} for n in range(1000)]
    assert 64 * 1024 < len(json.dumps(rows)) < 2**20 < len(json.dumps(rows * 4))
    assert (await data_of(await ask("POST", "/user-imports", {"users": rows})))["created"] == 1000
    large = io.BytesIO(json.dumps({"users": rows * 4}).encode())
    response = await ask("POST", "/user-imports", data=large, headers={"Content-Type": "application/json"})
    await assert_error(response, 413, "PAYLOAD_TOO_LARGE")


# --- around it


async def test_a_request_from_another_site_is_refused(api, ask, carriage):
    if carriage == "bearer":
        pytest.skip("without cookies there is nothing that another site could use")
    user = await api.user()
    response = await ask("POST", f"/users/{user.id}/disable", headers={"Origin": "https://evil.example"})
    await assert_error(response, 403, "FORBIDDEN")
    assert (await Users(api.database).by_id(user.id)).disabled_at is None


def with_idempotency(auth):
    app = web.Application()
    auth.setup(app)
    return app


async def test_a_repeat_with_its_key_gets_the_first_answer_and_of_another_caller_none(make_api):
    api = await make_api(app=with_idempotency)
    admin, other, user = [await api.session(roles=(role,)) for role in ("admin", "admin", "user")]
    body, headers = {"identifier": "New", "password": NEW_PASSWORD}, {"Idempotency-Key": "once"}
    first, again = [
        await api.post("/auth/admin/users", body, token=admin.access_token, headers=headers) for _ in range(2)
    ]
    assert await first.read() == await again.read()
    assert (first.status, again.status, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
    third = await api.post("/auth/admin/users", body, token=other.access_token, headers=headers)
    await assert_error(third, 409, "USER_ALREADY_EXISTS")
    refused = await api.post("/auth/admin/users", body, token=user.access_token, headers=headers)
    await assert_error(refused, 403, "FORBIDDEN")


async def test_who_is_no_admin_any_more_gets_no_answer_that_was_kept(make_api):
    api = await make_api(app=with_idempotency)
    admin = await api.session(roles=("admin",))
    body, headers = {"identifier": "New", "password": NEW_PASSWORD}, {"Idempotency-Key": "once"}
    await data_of(await api.post("/auth/admin/users", body, token=admin.access_token, headers=headers), 201)
    await Users(api.database).change_roles(admin.user.id, lambda _: ("user",))
    refused = await api.post("/auth/admin/users", body, token=admin.access_token, headers=headers)
    await assert_error(refused, 403, "FORBIDDEN")


async def test_no_answer_and_no_log_shows_a_secret_or_an_identifier(api, ask, caplog):
    caplog.set_level("DEBUG", "sentri")
    secrets = ["hidden-identifier", "hidden-password", PASSWORD_HASH]
    rows = [
        {"identifier": "hidden-identifier", "passwordHash": PASSWORD_HASH},
        {"identifier": "hidden-identifier", "password": "hidden-password"},
    ]
    imports = ({"users": rows}, {"users": rows, "allOrNothing": False})
    texts = [await (await ask("POST", "/user-imports", body)).text() for body in imports]
    user = await api.auth.users.by_identifier("hidden-identifier")
    texts.append(await (await ask("PUT", f"/users/{user.id}/password", {"password": "hidden-password"})).text())
    await ask("GET", "/users?search=hidden-identifier")
    for secret in secrets:
        assert secret not in "".join(texts)
        assert secret not in caplog.text


async def test_nobody_may_where_there_are_no_admin_roles(make_api):
    api = await make_api(valid_roles=("user", "boss"))
    pair = await api.session(roles=("user", "boss"))
    await assert_error(await api.call("GET", "/auth/admin/users", token=pair.access_token), 403, "FORBIDDEN")
