"""`TestAuthServer`: a real auth server that costs a test milliseconds and forgets nothing before it is gone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import StrEnum

import bcrypt
import pytest
from aiohttp import web

from sentri import AuthServer, AuthUser, SentriError
from sentri.keys.algorithms import ALGORITHMS
from sentri.keys.keyring import FixedKeys
from sentri.keys.signing import SigningKey
from sentri_testing.clock import ManualClock
from sentri_testing.memory import _EMPTY_TABLES
from sentri_testing.server import TestAuthServer
from sentri_testing.users import PASSWORD, PASSWORD_HASH, SavedUser, make_user
from tests.support import assert_error, data_of, serving


@pytest.fixture
async def server():
    async with TestAuthServer() as server:
        yield server


def application(server: AuthServer) -> web.Application:
    app = web.Application()
    server.setup(app)
    return app


async def test_is_a_real_auth_server_that_logs_a_user_in_with_a_password(server):
    assert isinstance(server, AuthServer)
    user = await server.create_user("alice@example.com", roles=["admin"])
    async with serving(application(server)) as client:
        credentials = {"identifier": user.identifier, "password": user.password}
        data = await data_of(await client.post("/auth/login", json=credentials))
    assert data["user"] == {"id": user.id, "identifier": "alice@example.com", "roles": ["admin"]}


async def test_publishes_its_key(server):
    async with serving(application(server)) as client:
        keys = await (await client.get("/auth/keys")).json()
    assert [(key["alg"], key["kid"]) for key in keys["keys"]] == [("RS256", server.signing_key.kid)]


async def test_needs_no_opening():
    server = TestAuthServer()
    user = await server.create_user()
    assert (await server.log_in(user)).user.id == user.id


async def test_log_in_gives_tokens_of_a_session_that_lives(server):
    user = await server.create_user()
    pair = await server.log_in(user)
    assert await server.authenticate(pair.access_token) == user.auth_user(session_id=pair.user.session_id)
    assert (await server.accounts.refresh(pair.refresh_token)).user.id == user.id


async def test_disabled_users_are_refused_until_they_are_enabled(server):
    user = await server.create_user()
    pair = await server.log_in(user)
    await server.disable(user)
    with pytest.raises(SentriError, match="FORBIDDEN"):
        await server.log_in(user)
    with pytest.raises(SentriError, match="UNAUTHORIZED"):
        await server.authenticate(pair.access_token)
    await server.enable(user)
    assert await server.authenticate(pair.access_token)


async def test_says_that_there_is_nobody_to_disable(server):
    with pytest.raises(LookupError, match="has no user with the id"):
        await server.disable(make_user())


# --- users


async def test_users_differ_and_have_the_role_user(server):
    one, other = await server.create_user(), await server.create_user()
    assert one.id != other.id
    assert one.identifier != other.identifier
    assert one.roles == ("user",)


async def test_a_server_without_the_role_user_gives_none():
    async with TestAuthServer(valid_roles=("reader",)) as server:
        assert (await server.create_user()).roles == ()


async def test_a_user_may_have_a_password_of_their_own(server):
    user = await server.create_user(password="something else")
    assert (await server.accounts.login(user.identifier, "something else")).user.id == user.id
    with pytest.raises(SentriError, match="INVALID_CREDENTIALS"):
        await server.accounts.login(user.identifier, PASSWORD)


async def test_the_hash_that_is_never_made_is_that_of_the_password():
    assert bcrypt.checkpw(PASSWORD.encode(), PASSWORD_HASH.encode())


async def test_roles_may_be_members_of_an_enum():
    class Role(StrEnum):
        EDITOR = "editor"

    async with TestAuthServer(valid_roles=Role) as server:
        user = await server.create_user(roles=[Role.EDITOR])
    assert user.roles == ("editor",)
    assert type(user.roles[0]) is str


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"roles": ["owner"]}, r"roles has \['owner'\].*valid_roles are \['admin', 'user'\].*add the role"),
        ({"roles": "admin"}, r"roles is the string 'admin'; give a list, such as \['admin'\]"),
        ({"identifier": "Alice"}, "there is a user 'Alice' already"),
    ],
)
async def test_says_what_is_wrong_with_a_user(server, given, told):
    await server.create_user("alice")
    with pytest.raises(ValueError, match=told):
        await server.create_user(**given)


@pytest.mark.parametrize("given", [{"identifier": "a\tb"}, {"password": "short"}])
async def test_refuses_what_no_user_could_have(server, given):
    with pytest.raises(SentriError, match="VALIDATION_ERROR"):
        await server.create_user(**given)


async def test_a_saved_user_hides_the_password():
    user = SavedUser("1", "alice", ("user",), "something secret")
    assert "something secret" not in repr(user)
    assert user.auth_user(issuer="https://i") == AuthUser("1", "alice", ("user",), None, "https://i")


def test_make_user_makes_users_in_memory():
    user = make_user(roles=["admin"], session_id="s")
    assert user == AuthUser(user.id, user.identifier, ("admin",), "s")
    assert make_user().roles == ("user",)
    assert make_user().id != user.id
    assert make_user("alice", id="42").to_dict() == {"id": "42", "identifier": "alice", "roles": ["user"]}
    with pytest.raises(ValueError, match="give a list"):
        make_user(roles="admin")


# --- options


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
async def test_signs_with_any_algorithm_and_a_key_that_is_made_once(algorithm):
    first, second = TestAuthServer(algorithm=algorithm), TestAuthServer(algorithm=algorithm)
    assert first.signing_key is second.signing_key
    assert first.signing_key.algorithm.name == algorithm
    user = await first.create_user()
    assert (await first.authenticate((await first.log_in(user)).access_token)).id == user.id


async def test_takes_a_secret():
    given = "a secret of the test's own, of more than thirty-two bytes"
    server = TestAuthServer(algorithm="HS256", secret=given)
    assert server.signing_key == SigningKey.of_secret(given, ALGORITHMS["HS256"])


async def test_takes_keys():
    secrets = ["a secret of the test's own, of more than thirty-two bytes"]
    keys = FixedKeys(secrets, ALGORITHMS["HS256"])
    assert TestAuthServer(keys=keys).signing_key is keys.ring().signing


async def test_keeps_keys_in_its_database():
    async with TestAuthServer(
        key_encryption_secret="of more than thirty-two bytes, for tests", algorithm="ES256"
    ) as server:
        assert await server.log_in(await server.create_user())
        assert [key.kid for key in await server.keys.list() if key.purpose == "access"] == [server.signing_key.kid]


async def test_takes_a_clock():
    clock = ManualClock()
    async with TestAuthServer(clock=clock, access_expires_in=timedelta(minutes=1)) as server:
        token = (await server.log_in(await server.create_user())).access_token
        clock.advance(59)
        assert await server.authenticate(token)
        clock.advance(2)
        with pytest.raises(SentriError, match="TOKEN_EXPIRED"):
            await server.authenticate(token)


async def test_all_that_is_wrong_with_the_options_is_said_at_once():
    with pytest.raises(SentriError, match=r"cooky: unknown option; did you mean cookie\?; .*algorithm is 'RS1'"):
        TestAuthServer(cooky={}, algorithm="RS1")


async def test_a_database_of_the_tests_own_is_migrated(empty_database_options):
    async with TestAuthServer(db=empty_database_options) as server:
        user = await server.create_user()
    async with TestAuthServer(db=empty_database_options) as server:
        assert (await server.log_in(user)).user.id == user.id
        assert await server.migrate() == []


# --- one database, as long as the object lives


async def test_what_was_saved_is_there_after_it_was_closed():
    server = TestAuthServer()
    async with server:
        user = await server.create_user()
        pair = await server.log_in(user)
    async with server:
        assert (await server.authenticate(pair.access_token)).id == user.id
    async with server:
        assert (await server.authenticate(pair.access_token)).id == user.id


async def test_serves_one_application_after_the_other():
    server = TestAuthServer()
    async with serving(application(server)):
        user = await server.create_user()
    async with serving(application(server)) as client:
        credentials = {"identifier": user.identifier, "password": user.password}
        assert (await client.post("/auth/login", json=credentials)).status == 200


def test_what_was_saved_is_there_in_another_event_loop():
    server = TestAuthServer()

    async def use(user: SavedUser | None) -> SavedUser:
        if user is not None:
            assert (await server.log_in(user)).user.id == user.id
        return await server.create_user()

    asyncio.run(use(asyncio.run(use(asyncio.run(use(None))))))


async def test_two_servers_share_nothing(server):
    user = await server.create_user()
    async with TestAuthServer() as other:
        with pytest.raises(SentriError, match="USER_NOT_FOUND"):
            await other.log_in(user)


async def test_a_second_server_starts_with_empty_tables_whatever_the_first_wrote():
    made = _EMPTY_TABLES.content
    _EMPTY_TABLES.content = None
    try:
        async with TestAuthServer() as first:
            user = await first.create_user("alice")
        async with TestAuthServer() as second:
            assert (await second.create_user("alice")).id != user.id
    finally:
        _EMPTY_TABLES.content = made


async def test_servers_of_several_threads_do_not_meddle():
    async def use() -> str:
        async with TestAuthServer() as server:
            return (await server.log_in(await server.create_user("alice"))).user.identifier

    made = _EMPTY_TABLES.content
    _EMPTY_TABLES.content = None
    try:
        found = await asyncio.gather(*(asyncio.to_thread(asyncio.run, use()) for _ in range(4)))
    finally:
        _EMPTY_TABLES.content = made
    assert found == ["alice"] * 4


async def test_migrates_nothing_more(server, monkeypatch):
    assert await server.migrate() == []
    monkeypatch.setattr("sentri.server.auth.migrate", None)  # an application's start does not even look
    async with serving(application(server)) as client:
        assert (await client.get("/auth/keys")).status == 200


async def test_hashes_in_a_millisecond(server):
    assert (await server.hash_password("something else")).startswith("$2b$04$")


async def test_hashes_at_the_cost_that_a_test_asks_for():
    async with TestAuthServer(salt_rounds=10) as server:
        user = await server.create_user("Ann")
        assert (await server.hash_password("something else")).startswith("$2b$10$")
        assert (await server.users.get(user.id)).identifier == "Ann"
        await server.accounts.login("Ann", PASSWORD)


async def test_an_unknown_user_is_refused_as_everywhere(server):
    async with serving(application(server)) as client:
        answer = await client.post("/auth/login", json={"identifier": "nobody", "password": PASSWORD})
        await assert_error(answer, 401, "INVALID_CREDENTIALS")


async def test_a_server_a_user_and_a_session_hash_nothing(monkeypatch):
    def hashpw(*_: object) -> bytes:
        raise AssertionError("a bcrypt hash takes longer than everything else together")

    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    async with TestAuthServer() as server:
        assert await server.log_in(await server.create_user())


def test_shows_no_secret():
    secret = "a secret of the test's own, of more than thirty-two bytes"
    assert repr(TestAuthServer(algorithm="HS256", secret=secret)) == (
        "<TestAuthServer db=sqlite://:memory: algorithm=HS256>"
    )
