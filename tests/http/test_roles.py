"""POST /users/{userId}/roles: what admins may do."""

from __future__ import annotations

import pytest

from sentri.randomness import new_id
from sentri.storage import Users
from tests.support import assert_error, data_of

SOME_ID = "6f1c1a52-7e0a-4c1e-9b7e-0d2f3a4b5c6d"


@pytest.fixture
async def api(make_api, hooks):
    return await make_api(hooks=hooks)


@pytest.fixture
async def admin(api):
    return await api.session(roles=("admin",))


async def assign(api, pair, user_id, roles):
    token = pair.access_token if pair else None
    return await api.post(f"/auth/users/{user_id}/roles", {"roles": roles}, token=token)


async def test_merges_the_roles_with_those_that_are_there(api, admin):
    user = await api.user("Ann", roles=("user",))
    data = await data_of(await assign(api, admin, user.id, ["editor", "user"]))
    assert data == {"user": {"id": user.id, "identifier": "Ann", "roles": ["user", "editor"]}}
    assert (await Users(api.database).by_id(user.id)).roles == ("user", "editor")


async def test_repeated_roles_count_once(api, admin):
    user = await api.user(roles=())
    data = await data_of(await assign(api, admin, user.id, ["editor", "editor"]))
    assert data["user"]["roles"] == ["editor"]


async def test_takes_effect_on_the_next_request_of_an_existing_token(api, admin):
    pair = await api.session()
    target = await api.user()
    await assert_error(await assign(api, pair, target.id, ["editor"]), 403, "FORBIDDEN")
    await data_of(await assign(api, admin, pair.user.id, ["admin"]))
    assert (await data_of(await api.me(pair.access_token)))["roles"] == ["user", "admin"]
    await data_of(await assign(api, pair, target.id, ["editor"]))


async def test_the_hook_is_told_the_roles_before(api, admin, told):
    user = await api.user()
    await data_of(await assign(api, admin, user.id, ["editor"]))
    [(hook, changed, old)] = told
    assert (hook, changed.id, changed.roles, old) == ("on_roles_change", user.id, ("user", "editor"), ("user",))


@pytest.mark.parametrize("roles", [[], ["user"]])
async def test_roles_that_are_there_already_are_no_change(api, admin, told, roles):
    user = await api.user()
    assert (await data_of(await assign(api, admin, user.id, roles)))["user"]["roles"] == ["user"]
    assert told == []


async def test_refuses_without_a_token(api):
    user = await api.user()
    await assert_error(await assign(api, None, user.id, ["admin"]), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("roles", [("user",), ("editor", "user"), ()])
async def test_refuses_who_is_no_admin(api, told, roles):
    pair = await api.session(roles=roles)
    response = await assign(api, pair, pair.user.id, ["admin"])
    await assert_error(response, 403, "FORBIDDEN")
    assert "WWW-Authenticate" not in response.headers
    assert (await Users(api.database).by_id(pair.user.id)).roles == roles
    assert told == []


async def test_who_is_no_admin_does_not_learn_whether_a_user_exists(api):
    pair = await api.session()
    await assert_error(await assign(api, pair, new_id(), ["user"]), 403, "FORBIDDEN")
    await assert_error(await assign(api, pair, "malformed", ["user"]), 403, "FORBIDDEN")


async def test_the_roles_in_the_token_count_for_nothing(api, admin):
    await Users(api.database).change_roles(admin.user.id, lambda _: ("user",))
    await assert_error(await assign(api, admin, admin.user.id, ["admin"]), 403, "FORBIDDEN")


async def test_refuses_a_user_who_does_not_exist(api, admin, told):
    await assert_error(await assign(api, admin, new_id(), ["user"]), 404, "USER_NOT_FOUND")
    assert told == []


@pytest.mark.parametrize(
    "user_id",
    ["1", "x", "%00", "'", SOME_ID.upper(), SOME_ID.replace("-", ""), f"urn:uuid:{SOME_ID}", f"{SOME_ID}%0A"],
)
async def test_refuses_what_is_no_id(api, admin, user_id):
    error = await assert_error(await assign(api, admin, user_id, ["user"]), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("userId: ")


async def test_refuses_a_role_that_does_not_exist(api, admin):
    user = await api.user()
    error = await assert_error(await assign(api, admin, user.id, ["user", "no-such-role"]), 400, "INVALID_ROLE")
    assert error["message"].startswith("roles: ")
    assert (await Users(api.database).by_id(user.id)).roles == ("user",)


async def test_admin_roles_say_who_may(make_api):
    api = await make_api(admin_roles=("editor",))
    user = await api.user()
    await data_of(await assign(api, await api.session(roles=("editor",)), user.id, ["editor"]))
    await assert_error(await assign(api, await api.session(roles=("admin",)), user.id, ["admin"]), 403, "FORBIDDEN")


async def test_nobody_may_where_there_are_no_admin_roles(make_api):
    api = await make_api(valid_roles=("user", "boss"))
    pair = await api.session(roles=("user", "boss"))
    await assert_error(await assign(api, pair, pair.user.id, ["boss"]), 403, "FORBIDDEN")
