"""GET /me, PATCH /me/identifier, PATCH /me/password: what users do with their own account."""

from __future__ import annotations

import pytest

from sentri.storage import Users
from tests.support import PASSWORD, PASSWORD_HASH, assert_error, data_of

NEW_PASSWORD = "battery staple"


@pytest.fixture
async def api(make_api, hooks):
    return await make_api(hooks=hooks)


@pytest.fixture
async def ann(api):
    return await api.session(await api.user("Ann"))


async def change_identifier(api, pair, identifier, **more):
    token = pair.access_token if pair else None
    return await api.call("PATCH", "/auth/me/identifier", {"identifier": identifier, **more}, token=token)


async def change_password(api, pair, current=PASSWORD, new=NEW_PASSWORD):
    token = pair.access_token if pair else None
    return await api.call("PATCH", "/auth/me/password", {"currentPassword": current, "newPassword": new}, token=token)


# --- GET /me


async def test_shows_the_user(api, ann):
    assert await data_of(await api.me(ann.access_token)) == {
        "id": ann.user.id,
        "identifier": "Ann",
        "roles": ["user"],
    }


async def test_shows_the_user_as_they_are_now(api, ann):
    """Not as the token has them."""
    await Users(api.database).change_identifier(ann.user.id, identifier="Bob", identifier_key="bob")
    await Users(api.database).change_roles(ann.user.id, lambda _: ("editor",))
    shown = await data_of(await api.me(ann.access_token))
    assert (shown["identifier"], shown["roles"]) == ("Bob", ["editor"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("PATCH", "/auth/me/identifier"),
        ("PATCH", "/auth/me/password"),
        ("POST", "/auth/logout-all"),
        ("POST", "/auth/users/1/roles"),
    ],
)
async def test_refuses_without_a_token(api, method, path):
    """Before it looks at the body or the path. Nothing failed, so the challenge names no error."""
    response = await api.call(method, path, {"what": "ever"} if method != "GET" else None)
    await assert_error(response, 401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", "bEaReR"])
async def test_takes_the_scheme_in_any_case(api, ann, scheme):
    await data_of(await api.call("GET", "/auth/me", headers={"Authorization": f"{scheme} {ann.access_token}"}))


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x", "Bearer a b", "bearer ."])
async def test_refuses_a_malformed_bearer(api, header):
    response = await api.call("GET", "/auth/me", headers={"Authorization": header})
    await assert_error(response, 401, "TOKEN_INVALID")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Token x", "x"])
async def test_another_scheme_is_no_token(api, header):
    await assert_error(await api.call("GET", "/auth/me", headers={"Authorization": header}), 401, "UNAUTHORIZED")


# --- PATCH /me/identifier


async def test_changes_the_identifier(api, ann, told):
    user = (await data_of(await change_identifier(api, ann, " Bob ")))["user"]
    assert user == {"id": ann.user.id, "identifier": "Bob", "roles": ["user"]}
    assert (await data_of(await api.me(ann.access_token)))["identifier"] == "Bob"
    [(hook, changed, old)] = told
    assert (hook, changed.id, changed.identifier, old) == ("on_identifier_change", ann.user.id, "Bob", "Ann")


async def test_one_logs_in_with_the_new_identifier_and_not_with_the_old_one(api, ann):
    await data_of(await change_identifier(api, ann, "Bob"))
    await data_of(await api.login("Bob"))
    await assert_error(await api.login("Ann"), 401, "INVALID_CREDENTIALS")


async def test_the_old_identifier_is_free_again(api, ann):
    await data_of(await change_identifier(api, ann, "Bob"))
    await api.user("Ann")


@pytest.mark.parametrize("wanted", ["Bob", "BOB", "\uff22\uff4f\uff42"])
async def test_refuses_the_identifier_of_another_user(api, ann, told, wanted):
    await api.user("bob")
    await assert_error(await change_identifier(api, ann, wanted), 409, "USER_ALREADY_EXISTS")
    assert (await data_of(await api.me(ann.access_token)))["identifier"] == "Ann"
    assert told == []


async def test_the_same_identifier_again_is_no_change(api, ann, told):
    assert (await data_of(await change_identifier(api, ann, "Ann")))["user"]["identifier"] == "Ann"
    assert told == []


async def test_one_may_change_the_case_of_ones_own(api, ann, told):
    assert (await data_of(await change_identifier(api, ann, "ANN")))["user"]["identifier"] == "ANN"
    assert [(name, user.identifier, old) for name, user, old in told] == [("on_identifier_change", "ANN", "Ann")]


@pytest.mark.parametrize("wanted", ["", "  ", "a" * 256, "a\nb", "a\u200bb", "a\u00a0b"], ids=ascii)
async def test_refuses_what_is_no_identifier(api, ann, wanted):
    error = await assert_error(await change_identifier(api, ann, wanted), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("identifier: ")


async def test_the_identifier_validator_is_asked(make_api):
    api = await make_api(identifier_validator=lambda value: value != "Bob")
    pair = await api.session()
    error = await assert_error(await change_identifier(api, pair, "Bob"), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("identifier: ")


async def test_a_password_that_is_shown_must_be_right(api, ann):
    """Even where none is asked for."""
    response = await change_identifier(api, ann, "Bob", currentPassword="wrong horse")
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await data_of(await api.me(ann.access_token)))["identifier"] == "Ann"


async def test_refuses_a_current_password_of_more_than_72_bytes(api, ann):
    response = await change_identifier(api, ann, "Bob", currentPassword="x" * 73)
    error = await assert_error(response, 400, "VALIDATION_ERROR")
    assert error["message"].startswith("currentPassword: ")


class TestReauthenticating:
    @pytest.fixture
    async def api(self, make_api):
        return await make_api(reauth_within="5m", session_expires_in="1d")

    async def test_a_recent_login_is_enough(self, api, ann, clock):
        clock.advance(300)
        await data_of(await change_identifier(api, ann, "Bob"))

    async def test_an_older_one_is_not(self, api, ann, clock):
        clock.advance(300.000001)
        await assert_error(await change_identifier(api, ann, "Bob"), 403, "REAUTHENTICATION_REQUIRED")
        assert (await data_of(await api.me(ann.access_token)))["identifier"] == "Ann"

    async def test_a_refresh_is_no_login(self, api, ann, clock):
        clock.advance(301)
        data = await data_of(await api.refresh(ann.refresh_token))
        response = await api.call("PATCH", "/auth/me/identifier", {"identifier": "Bob"}, token=data["accessToken"])
        await assert_error(response, 403, "REAUTHENTICATION_REQUIRED")

    async def test_the_current_password_stands_for_it(self, api, ann, clock):
        clock.advance(600)
        await data_of(await change_identifier(api, ann, "Bob", currentPassword=PASSWORD))

    async def test_a_wrong_one_does_not(self, api, ann, clock):
        clock.advance(600)
        response = await change_identifier(api, ann, "Bob", currentPassword="wrong horse")
        await assert_error(response, 401, "INVALID_CREDENTIALS")
        assert (await data_of(await api.me(ann.access_token)))["identifier"] == "Ann"


# --- PATCH /me/password


async def test_changes_the_password_and_ends_every_session(api, ann, told):
    other = await api.session(await Users(api.database).by_id(ann.user.id))
    bystander = await api.session()
    assert await data_of(await change_password(api, ann)) is None
    assert told == [("on_password_change", ann.user.id)]
    for pair in (ann, other):
        await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
        await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    await data_of(await api.me(bystander.access_token))


async def test_the_new_password_works_and_the_old_one_no_longer(api, ann):
    await data_of(await change_password(api, ann))
    await data_of(await api.login("Ann", NEW_PASSWORD))
    await assert_error(await api.login("Ann", PASSWORD), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("wrong", ["wrong horse", "", "short", PASSWORD.upper()])
async def test_refuses_a_wrong_current_password(api, ann, told, wrong):
    response = await change_password(api, ann, current=wrong)
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert told == []
    assert (await Users(api.database).by_id(ann.user.id)).password_hash == PASSWORD_HASH
    await data_of(await api.me(ann.access_token))


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        (PASSWORD, "7 chars", "newPassword"),
        (PASSWORD, "x" * 73, "newPassword"),
        (PASSWORD, "é" * 37, "newPassword"),
        ("x" * 73, NEW_PASSWORD, "currentPassword"),
    ],
    ids=["short", "long", "long in bytes", "long current"],
)
async def test_refuses_what_cannot_be_a_password(api, ann, current, new, field):
    error = await assert_error(await change_password(api, ann, current, new), 400, "VALIDATION_ERROR")
    assert error["message"].startswith(f"{field}: ")
    await data_of(await api.me(ann.access_token))


async def test_the_password_validator_is_asked_for_the_new_one_only(make_api):
    api = await make_api(password_validator=lambda value: value != PASSWORD)
    pair = await api.session()
    response = await change_password(api, pair, new=PASSWORD)
    error = await assert_error(response, 400, "VALIDATION_ERROR")
    assert error["message"].startswith("newPassword: ")
    await data_of(await change_password(api, pair))
