"""POST /login: the right password, and nothing else."""

from __future__ import annotations

import bcrypt
import pytest

from sentri.storage import Users
from tests.support import PASSWORD, PASSWORD_HASH, assert_error, data_of


@pytest.fixture
async def ann(api):
    return await api.user("Ann")


async def stored_hash(api, user):
    return (await Users(api.database).by_id(user.id)).password_hash


async def store_hash(api, user, hashed):
    assert await Users(api.database).renew_hash(user.id, verified=user.password_hash, renewed=hashed)


async def test_answers_with_both_tokens_and_the_user(api, ann):
    data = await data_of(await api.login("Ann"))
    assert data.keys() == {"accessToken", "refreshToken", "user"}
    assert data["user"] == {"id": ann.id, "identifier": "Ann", "roles": ["user"]}
    assert (await data_of(await api.me(data["accessToken"]))) == data["user"]


@pytest.mark.parametrize("spelling", ["ann", " ANN ", "\uff21\uff4e\uff4e"])
async def test_the_identifier_may_be_spelled_otherwise(api, ann, spelling):
    assert (await data_of(await api.login(spelling)))["user"]["identifier"] == "Ann"


async def test_two_logins_are_two_sessions(api, ann):
    first, second = await data_of(await api.login("Ann")), await data_of(await api.login("Ann"))
    await data_of(await api.post("/auth/logout", token=first["accessToken"]))
    await data_of(await api.me(second["accessToken"]))


async def test_an_unknown_identifier_and_a_wrong_password_get_the_same_answer(api, ann):
    wrong, unknown = await api.login("Ann", "wrong horse"), await api.login("Eve")
    await assert_error(wrong, 401, "INVALID_CREDENTIALS")
    assert await wrong.text() == await unknown.text()
    assert wrong.status == unknown.status
    assert wrong.headers.keys() == unknown.headers.keys()
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"] == "Bearer"


async def test_an_unknown_identifier_costs_a_hash_of_the_configured_cost_too(api, ann, monkeypatch):
    costs = []

    def checkpw(password, hashed):
        costs.append(hashed[:7])
        return False

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    await assert_error(await api.login("Ann"), 401, "INVALID_CREDENTIALS")
    await assert_error(await api.login("Eve"), 401, "INVALID_CREDENTIALS")
    assert costs == [b"$2b$04$"] * 2


async def test_a_disabled_user_gets_that_answer_too(api, ann):
    wrong = await api.login("Ann", "wrong horse")
    await api.disable(ann.id)
    disabled = await api.login("Ann")
    await assert_error(disabled, 401, "INVALID_CREDENTIALS")
    assert await disabled.text() == await wrong.text()


@pytest.mark.parametrize("password", ["x" * 73, "é" * 37, "x" * 60_000], ids=lambda p: str(len(p)))
async def test_a_password_of_more_than_72_bytes_is_refused_and_not_cut(api, ann, password):
    error = await assert_error(await api.login("Ann", password), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("password: ")


async def test_the_first_72_bytes_of_a_longer_password_are_not_enough(api):
    """Neither is a password that only begins like the right one."""
    await data_of(await api.post("/auth/register", {"identifier": "Bob", "password": "x" * 72}), 201)
    await assert_error(await api.login("Bob", "x" * 71), 401, "INVALID_CREDENTIALS")
    await assert_error(await api.login("Bob", "x" * 73), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("password", ["", "short", "\0", PASSWORD.upper(), f"{PASSWORD} ", f"{PASSWORD}\0"])
async def test_a_password_that_could_not_be_set_is_merely_wrong(api, ann, password):
    """The policy is for setting a password: here it would tell what it is about."""
    await assert_error(await api.login("Ann", password), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("identifier", ["", "   ", "a" * 256, "a\nb", "a\u200bb"], ids=ascii)
async def test_refuses_what_is_no_identifier(api, identifier):
    error = await assert_error(await api.login(identifier), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("identifier: ")


async def test_a_hash_of_a_lower_cost_is_renewed(make_api):
    api = await make_api(salt_rounds=11)
    user = await api.user("Ann")
    await data_of(await api.login("Ann"))
    renewed = await stored_hash(api, user)
    assert renewed.startswith("$2b$11$")
    assert await api.auth.verify_password(PASSWORD, renewed)


async def test_a_wrong_password_renews_nothing(make_api):
    api = await make_api(salt_rounds=11)
    user = await api.user("Ann")
    await assert_error(await api.login("Ann", "wrong horse"), 401, "INVALID_CREDENTIALS")
    assert await stored_hash(api, user) == PASSWORD_HASH


async def test_a_hash_of_the_configured_cost_is_kept(api, ann):
    await data_of(await api.login("Ann"))
    assert await stored_hash(api, ann) == PASSWORD_HASH


async def test_a_session_survives_the_renewal_of_the_hash(make_api):
    api = await make_api(salt_rounds=11)
    await api.user("Ann")
    tokens = await data_of(await api.login("Ann"))
    await data_of(await api.me(tokens["accessToken"]))
    await data_of(await api.refresh(tokens["refreshToken"]))


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "correct horse",
        "$2b$10$",
        PASSWORD_HASH[:-1],
        f"{PASSWORD_HASH}x",
        PASSWORD_HASH.replace("$04$", "$99$"),
        PASSWORD_HASH.replace("$2b$", "$1$"),
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        "!",
    ],
)
async def test_a_malformed_hash_matches_no_password(api, ann, malformed):
    await store_hash(api, ann, malformed)
    await assert_error(await api.login("Ann"), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("prefix", ["$2a$", "$2y$"])
async def test_a_hash_from_elsewhere_logs_in(api, ann, prefix):
    await store_hash(api, ann, PASSWORD_HASH.replace("$2b$", prefix))
    await data_of(await api.login("Ann"))
    await assert_error(await api.login("Ann", "wrong horse"), 401, "INVALID_CREDENTIALS")


async def test_a_password_does_not_expire(api, ann, clock):
    clock.advance(10 * 365 * 86400)
    await data_of(await api.login("Ann"))


async def test_a_bearer_token_changes_nothing_about_a_login(api, ann):
    response = await api.post("/auth/login", {"identifier": "Ann", "password": PASSWORD}, token="garbage")
    await data_of(response)
