"""Argon2id and password policies over HTTP."""

from __future__ import annotations

import pytest

from sentri.storage import Users
from tests.support import PASSWORD, PASSWORD_HASH, assert_error, data_of


async def stored(api, user_id):
    return (await Users(api.database).by_id(user_id)).password_hash


async def register(api, password):
    return await api.post("/auth/register", {"identifier": "Ann", "password": password})


async def test_a_bcrypt_hash_becomes_argon2id_at_the_next_login_and_back_again(make_api):
    api = await make_api(password_hash="argon2id")
    ann = await api.user("Ann")
    assert await stored(api, ann.id) == PASSWORD_HASH
    await data_of(await api.login("Ann"))
    assert (await stored(api, ann.id)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await assert_error(await api.login("Ann", "wrong horse"), 401, "INVALID_CREDENTIALS")
    await data_of(await api.login("Ann"))
    back = await make_api(salt_rounds=10)
    await data_of(await back.login("Ann"))
    assert (await stored(api, ann.id)).startswith("$2b$10$")


async def test_argon2id_takes_1024_bytes(make_api):
    api = await make_api(password_hash="argon2id")
    await assert_error(await register(api, "é" * 513), 400, "VALIDATION_ERROR")
    await data_of(await register(api, "é" * 512), 201)
    await data_of(await api.login("Ann", "é" * 512))
    await assert_error(await api.login("Ann", "é" * 511 + "ee"), 401, "INVALID_CREDENTIALS")
    await assert_error(await api.login("Ann", "é" * 513), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("password", ["x" * 14, "1qaz2wsx3edc4rfv"])
async def test_nist_asks_for_fifteen_characters_that_not_everybody_has(make_api, password):
    api = await make_api(password_policy="nist")
    error = await assert_error(await register(api, password), 400, "VALIDATION_ERROR")
    assert error["message"].startswith("password: ")
    await data_of(await register(api, "fifteen of them"), 201)


async def test_a_policy_is_for_passwords_that_are_set(make_api):
    """Who has a shorter one still logs in, and changes it."""
    api = await make_api(password_policy="nist")
    pair = await api.session(await api.user("Ann"))
    await data_of(await api.login("Ann"))
    change = {"currentPassword": PASSWORD, "newPassword": "too short"}
    response = await api.call("PATCH", "/auth/me/password", change, token=pair.access_token)
    error = await assert_error(response, 400, "VALIDATION_ERROR")
    assert error["message"].startswith("newPassword: ")


async def test_common_passwords_are_an_option_of_their_own(make_api):
    api = await make_api(refuse_common_passwords=True)
    await assert_error(await register(api, "Password"), 400, "VALIDATION_ERROR")
    await data_of(await register(api, PASSWORD), 201)
