"""POST /register: who may make which user."""

from __future__ import annotations

import pytest

from sentri.accounts.identifiers import identifier_key
from sentri.clock import system_clock
from sentri.storage import Sessions, Users
from tests.support import PASSWORD, assert_error, data_of

KEY = "an API key for tests, of thirty-two bytes and more"
OTHER_KEY = "another API key, also of thirty-two bytes and more"


async def register(api, identifier="Ann", password=PASSWORD, *, key=None, **more):
    headers = {} if key is None else {"X-Api-Key": key}
    return await api.post("/auth/register", {"identifier": identifier, "password": password, **more}, headers=headers)


async def registered(api, *args, **more):
    return (await data_of(await register(api, *args, **more), 201))["user"]


async def refused(response, field):
    """A `VALIDATION_ERROR` that names the field."""
    error = await assert_error(response, 400, "VALIDATION_ERROR")
    assert error["message"].startswith(f"{field}: ")
    return error


async def test_answers_with_the_user_and_issues_no_tokens(api):
    response = await register(api)
    data = await data_of(response, 201)
    user = data.pop("user")
    assert data == {}
    assert user == {"id": user["id"], "identifier": "Ann", "roles": []}
    assert "Set-Cookie" not in response.headers
    assert await Sessions(api.database, system_clock).end_all(user["id"]) == 0


async def test_keeps_a_bcrypt_hash_and_not_the_password(make_api):
    api = await make_api(salt_rounds=10)
    await registered(api)
    kept = await Users(api.database).by_key("ann")
    assert kept.password_hash.startswith("$2b$10$")
    assert await api.auth.verify_password(PASSWORD, kept.password_hash)


# --- roles


async def test_a_caller_may_give_itself_the_registration_roles(make_api):
    api = await make_api(registration_roles=("user", "editor"))
    assert (await registered(api, roles=["editor", "user"]))["roles"] == ["editor", "user"]


async def test_without_roles_a_user_gets_none(api):
    assert (await registered(api))["roles"] == []


async def test_an_empty_list_of_roles_gives_none(api):
    assert (await registered(api, roles=[]))["roles"] == []


async def test_repeated_roles_count_once(api):
    assert (await registered(api, roles=["user", "user"]))["roles"] == ["user"]


@pytest.mark.parametrize("roles", [["admin"], ["user", "admin"]])
async def test_refuses_another_valid_role(api, roles):
    await assert_error(await register(api, roles=roles), 403, "FORBIDDEN")
    assert await Users(api.database).by_key("ann") is None


async def test_refuses_every_role_where_registration_roles_are_empty(make_api):
    api = await make_api(registration_roles=())
    await assert_error(await register(api, roles=["user"]), 403, "FORBIDDEN")


async def test_registration_roles_are_none_where_user_is_no_valid_role(make_api):
    api = await make_api(valid_roles=("member", "admin"))
    await assert_error(await register(api, roles=["member"]), 403, "FORBIDDEN")


@pytest.mark.parametrize("roles", [["no-such-role"], ["user", "User"], [""], ["user "]])
async def test_refuses_a_role_that_does_not_exist(api, roles):
    error = await assert_error(await register(api, roles=roles), 400, "INVALID_ROLE")
    assert error["message"].startswith("roles: ")
    assert "no-such-role" not in error["message"]


# --- api_key


async def test_the_holder_of_the_api_key_may_give_any_role(make_api):
    api = await make_api(api_key=KEY)
    assert (await registered(api, key=KEY, roles=["admin", "editor"]))["roles"] == ["admin", "editor"]


@pytest.mark.parametrize("key", [None, "", "wrong", KEY[:-1], KEY + "x", "ключ, которого нет"])
async def test_refuses_without_the_api_key(make_api, key):
    api = await make_api(api_key=KEY)
    response = await register(api, key=key)
    await assert_error(response, 401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert await Users(api.database).by_key("ann") is None


async def test_the_api_key_is_asked_before_the_body_is_looked_at(make_api):
    api = await make_api(api_key=KEY)
    await assert_error(await api.post("/auth/register", {"identifier": 5}), 401, "UNAUTHORIZED")


async def test_each_of_several_api_keys_is_good(make_api):
    api = await make_api(api_key=[KEY, OTHER_KEY])
    await registered(api, "Ann", key=KEY, roles=["admin"])
    await registered(api, "Bob", key=OTHER_KEY, roles=["admin"])
    await assert_error(await register(api, "Eve", key="wrong"), 401, "UNAUTHORIZED")


async def test_the_header_means_nothing_where_no_api_key_is_configured(api):
    await assert_error(await register(api, key=KEY, roles=["admin"]), 403, "FORBIDDEN")


async def test_the_api_key_opens_no_invalid_role(make_api):
    api = await make_api(api_key=KEY)
    await assert_error(await register(api, key=KEY, roles=["root"]), 400, "INVALID_ROLE")


async def test_registration_false_removes_the_endpoint(make_api):
    api = await make_api(registration=False, api_key=KEY)
    await assert_error(await register(api, key=KEY), 404, "NOT_FOUND")


# --- identifiers


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ("Ann", "Ann"),
        ("Ann", "aNN"),
        ("Ann", "  ann "),
        ("Straße", "STRASSE"),
        ("ﬁona", "FIONA"),
        ("\uff21\uff4e\uff4e", "ann"),
        ("caf\u00e9", "cafe\u0301"),
        ("ΣΑΣ", "σας"),
        ("①st", "1ST"),
        ("K\u212a", "kk"),
        ("\u00df\u0301", "s\u015b"),
    ],
)
async def test_refuses_an_identifier_that_differs_in_case_or_compatibility_only(api, taken, wanted):
    await api.user(taken)
    await assert_error(await register(api, wanted), 409, "USER_ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("taken", "other"),
    [("café", "cafe"), ("ann", "\u0430nn"), ("\u0131", "i"), ("ann lee", "ann  lee"), ("ö", "o"), ("ann", "ann.")],
)
async def test_identifiers_that_differ_in_bytes_are_different_users(api, taken, other):
    """Whatever the collation of the database takes for equal."""
    await api.user(taken)
    assert (await registered(api, other))["identifier"] == other


async def test_an_identifier_is_trimmed_and_kept_as_written(api):
    assert (await registered(api, "  Ann-Ä ﬁ "))["identifier"] == "Ann-Ä ﬁ"
    assert (await Users(api.database).by_key(identifier_key("Ann-Ä ﬁ"))).identifier == "Ann-Ä ﬁ"


@pytest.mark.parametrize("identifier", ["a", "😀" * 255], ids=["1", "255"])
async def test_takes_identifiers_of_1_to_255_characters(api, identifier):
    assert (await registered(api, identifier))["identifier"] == identifier


@pytest.mark.parametrize(
    "identifier",
    ["ann'; DELETE FROM sentri_users; --", "' OR '1'='1", 'ann" OR 1=1', "ann%", "an_", "ann\\", "{user} ? $1 %s"],
)
async def test_what_looks_like_sql_is_a_name(api, identifier):
    await registered(api, "ann")
    await assert_error(await api.login(identifier), 401, "INVALID_CREDENTIALS")
    user = await registered(api, identifier)
    assert (await data_of(await api.login(identifier)))["user"]["id"] == user["id"]
    assert (await data_of(await api.login("ann")))["user"]["identifier"] == "ann"


HIDING = {
    "empty": ["", " "],
    "too long": ["a" * 256],
    "control": ["a\nb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\tb"],
    "format": ["a\u200bb", "a\u202eb", "a\u00adb", "a\ufeffb", "a\U000e0041b"],
    "private use": ["a\ue000b", "a\U000f0000b", "a\U0010fffdb"],
    "unassigned": ["a\u0378b", "a\uffffb", "a\U000e0fffb"],
    "white space": ["a\u00a0b", "a\u2003b", "a\u3000b", "a\u2028b", "a\u2029b"],
    "too long a key": ["\ufdfa" * 20],
}


@pytest.mark.parametrize("identifiers", HIDING.values(), ids=HIDING)
async def test_refuses_an_identifier_that_hides_something(api, identifiers):
    for identifier in identifiers:
        await refused(await register(api, identifier), "identifier")


@pytest.mark.parametrize("field", ["identifier", "password"])
async def test_refuses_a_lone_surrogate(api, field):
    given = {"identifier": "Ann", "password": PASSWORD} | {field: "long enough \ud800"}
    await assert_error(await api.post("/auth/register", given), 400, "VALIDATION_ERROR")


# --- passwords


@pytest.mark.parametrize("password", ["8 chars.", "x" * 72, "é" * 36, "пароль 8", " " * 8], ids=ascii)
async def test_takes_passwords_from_8_characters_to_72_bytes(api, password):
    await registered(api, password=password)
    await data_of(await api.login("Ann", password))


@pytest.mark.parametrize(
    "password", ["", "7 chars", "é" * 7, "x" * 73, "é" * 36 + "x", "😀" * 19, "x" * 10_000], ids=lambda p: str(len(p))
)
async def test_refuses_shorter_and_longer_passwords(api, password):
    await refused(await register(api, password=password), "password")


@pytest.mark.parametrize(
    ("password", "other"),
    [
        (" spaces ", "spaces  "),
        ("Pässword", "Pa\u0308ssword"),
    ],
    ids=["spaces", "not normalised"],
)
async def test_a_password_is_hashed_as_received(api, password, other):
    await registered(api, password=password)
    await data_of(await api.login("Ann", password))
    await assert_error(await api.login("Ann", other), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("password", ["before\0after", "12345678\0", "\0" * 8], ids=ascii)
async def test_refuses_a_password_with_a_nul(api, password):
    error = await refused(await register(api, password=password), "password")
    assert "NUL" in error["message"]


async def test_refuses_an_unknown_field(api):
    error = await refused(await register(api, admin=True), "admin")
    assert "not a field" in error["message"]
    assert await Users(api.database).by_key("ann") is None


# --- validators


def refuses(_):
    return False


async def refuses_later(_):
    return False


@pytest.mark.parametrize("option", ["identifier_validator", "password_validator"])
@pytest.mark.parametrize("validator", [refuses, refuses_later])
async def test_a_validator_may_refuse(make_api, option, validator):
    api = await make_api(**{option: validator})
    await refused(await register(api), option.partition("_")[0])
    assert await Users(api.database).by_key("ann") is None


@pytest.mark.parametrize("option", ["identifier_validator", "password_validator"])
async def test_the_text_of_a_validators_value_error_reaches_the_caller(make_api, option):
    def explains(_):
        raise ValueError("has to rhyme")

    api = await make_api(**{option: explains})
    error = await refused(await register(api), option.partition("_")[0])
    assert "has to rhyme" in error["message"]


@pytest.mark.parametrize("option", ["identifier_validator", "password_validator"])
async def test_a_value_error_without_a_text_refuses_too(make_api, option):
    def silent(_):
        raise ValueError

    api = await make_api(**{option: silent})
    error = await refused(await register(api), option.partition("_")[0])
    assert "not accepted" in error["message"]


@pytest.mark.parametrize("verdict", [True, None])
async def test_a_validator_may_agree(make_api, verdict):
    seen = []

    async def agrees(value):
        seen.append(value)
        return verdict

    api = await make_api(identifier_validator=agrees, password_validator=agrees)
    await registered(api, " Ann ")
    assert seen == ["Ann", PASSWORD]


@pytest.mark.parametrize("option", ["identifier_validator", "password_validator"])
@pytest.mark.parametrize("nonsense", ["yes", 0, 1, []])
async def test_a_validator_that_answers_nonsense_is_a_500(make_api, option, nonsense):
    api = await make_api(**{option: lambda _: nonsense})
    await assert_error(await register(api), 500, "CONFIGURATION_ERROR")
    assert await Users(api.database).by_key("ann") is None


@pytest.mark.parametrize("option", ["identifier_validator", "password_validator"])
async def test_a_validator_that_breaks_is_a_500(make_api, option):
    def breaks(_):
        raise RuntimeError("broken")

    api = await make_api(**{option: breaks})
    error = await assert_error(await register(api), 500, "INTERNAL_ERROR")
    assert "broken" not in error["message"]
    assert await Users(api.database).by_key("ann") is None


async def test_validators_are_not_asked_at_login(make_api):
    """They say what may be set; whoever has an older name or password can still log in."""
    api = await make_api(identifier_validator=refuses, password_validator=refuses)
    await api.user("Ann")
    await data_of(await api.login("Ann"))
