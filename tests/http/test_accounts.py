"""`auth.accounts` and the life of the auth object outside of an application."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from aiohttp import web

from sentri import SentriError
from sentri.randomness import new_id
from sentri.storage import Users
from tests.support import PASSWORD, SECRET, assert_error, data_of, host_application, serving

ROOT = Path(__file__).parents[2]
NEW_PASSWORD = "battery staple"


@pytest.fixture
async def auth(make_auth):
    async with make_auth() as auth:
        yield auth


async def refuses(code, call):
    with pytest.raises(SentriError) as caught:
        await call
    assert caught.value.code == code
    return caught.value


# --- the services


async def test_the_life_of_an_account(auth):
    accounts = auth.accounts
    user = await accounts.register(" Ann ", PASSWORD, {"admin"})
    assert (user.identifier, user.roles, user.session_id) == ("Ann", ("admin",), None)
    pair = await accounts.login("ann", PASSWORD)
    assert (pair.user.id, await auth.authenticate(pair.access_token)) == (user.id, pair.user)
    renewed = await accounts.refresh(pair.refresh_token)
    assert renewed.user.session_id == pair.user.session_id
    assert (await accounts.assign_roles(user.id, ["user"])).roles == ("admin", "user")
    assert (await accounts.change_identifier(user.id, "Bob")).identifier == "Bob"
    assert (await auth.authenticate(renewed.access_token)).identifier == "Bob"
    await accounts.change_password(user.id, PASSWORD, NEW_PASSWORD)
    await refuses("UNAUTHORIZED", auth.authenticate(renewed.access_token))
    pair = await accounts.login("Bob", NEW_PASSWORD)
    assert await accounts.logout(pair.user.session_id) is True
    assert await accounts.logout(pair.user.session_id) is False
    await accounts.start_session(user.id)
    await accounts.start_session(user.id)
    assert await accounts.logout_all(user.id) == 2


async def test_a_new_database_has_no_user(auth, database):
    """Nobody, and so no password that everybody knows."""
    await auth.migrate()
    for table in ("sentri_users", "sentri_sessions"):
        assert not await database.call(lambda session, table=table: session.rows(f"SELECT id FROM {table}"))


async def test_a_trusted_caller_needs_no_api_key_and_may_give_any_role(make_auth):
    async with make_auth(api_key="k" * 32, registration=False, registration_roles=()) as auth:
        assert (await auth.accounts.register("Ann", PASSWORD, ["admin"])).roles == ("admin",)


async def test_input_is_validated_all_the_same(auth):
    accounts, some_id = auth.accounts, new_id()
    for call, field in (
        (accounts.register("a\nb", PASSWORD), "identifier"),
        (accounts.register("Ann", "short"), "password"),
        (accounts.register("Ann", PASSWORD, "admin"), "roles"),
        (accounts.register(5, PASSWORD), "identifier"),
        (accounts.login("Ann", "x" * 73), "password"),
        (accounts.login("Ann", None), "password"),
        (accounts.logout("not an id"), "session_id"),
        (accounts.logout_all(some_id.upper()), "userId"),
        (accounts.assign_roles("1", ["user"]), "userId"),
        (accounts.change_identifier(some_id, ""), "identifier"),
        (accounts.change_password(some_id, PASSWORD, "short"), "newPassword"),
        (accounts.start_session(5), "user_id"),
    ):
        error = await refuses("VALIDATION_ERROR", call)
        assert error.message.startswith(f"{field}: ")


async def test_refusals_have_their_codes(auth):
    accounts, nobody = auth.accounts, new_id()
    await accounts.register("Ann", PASSWORD)
    await refuses("USER_ALREADY_EXISTS", accounts.register("ANN", PASSWORD))
    await refuses("INVALID_ROLE", accounts.register("Bob", PASSWORD, ["root"]))
    await refuses("INVALID_CREDENTIALS", accounts.login("Ann", "wrong horse"))
    await refuses("TOKEN_INVALID", accounts.refresh("garbage"))
    await refuses("USER_NOT_FOUND", accounts.assign_roles(nobody, ["user"]))
    await refuses("USER_NOT_FOUND", accounts.change_identifier(nobody, "Bob"))
    await refuses("USER_NOT_FOUND", accounts.change_password(nobody, PASSWORD, NEW_PASSWORD))
    await refuses("USER_NOT_FOUND", accounts.start_session(nobody))


async def test_no_session_is_started_for_a_disabled_user(api):
    user = await api.user()
    await api.disable(user.id)
    await refuses("FORBIDDEN", api.auth.accounts.start_session(user.id))


async def test_a_session_that_was_started_without_a_password_is_like_any_other(api):
    pair = await api.session()
    data = await data_of(await api.refresh(pair.refresh_token))
    await data_of(await api.post("/auth/logout", token=data["accessToken"]))
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")


# --- open and closed


async def test_async_with_may_be_nested_and_repeated(make_auth):
    auth = make_auth()
    async with auth as same:
        assert same is auth
        async with auth:
            await auth.accounts.register("Ann", PASSWORD)
        assert await auth.accounts.start_session((await auth.accounts.login("Ann", PASSWORD)).user.id)
    async with auth:
        assert (await auth.accounts.login("Ann", PASSWORD)).user.identifier == "Ann"


async def test_the_first_use_opens(make_auth, database):
    auth = make_auth()
    user = await auth.accounts.register("Ann", PASSWORD)
    assert (await Users(database).by_key("ann")).id == user.id
    async with auth:  # and closes at its end
        pass


async def test_migrate_opens_and_is_safe_to_repeat(make_auth):
    auth = make_auth()
    assert await auth.migrate() == []
    assert await auth.migrate() == []
    async with auth:
        pass


async def test_a_database_that_was_never_migrated_says_what_to_do(make_auth, tmp_path):
    """Of the exception a script sees no more than its text: it says more than the number of an error."""
    auth = make_auth(db=f"sqlite://{tmp_path / 'new.db'}")
    with pytest.raises(Exception, match=r"`await auth\.migrate\(\)`"):
        await auth.accounts.register("Ann", PASSWORD)
    await auth.migrate()
    await auth.accounts.register("Ann", PASSWORD)
    async with auth:
        pass


SCRIPT = """
import asyncio, json, sys
from sentri import create_auth

auth = create_auth(db=json.loads(sys.argv[1]), secret=sys.argv[2], valid_roles=("user",), salt_rounds=10)

async def main(name):
    user = await auth.accounts.register(name, "correct horse")
    pair = await auth.accounts.start_session(user.id)
    print((await auth.authenticate(pair.access_token)).identifier)

for name in sys.argv[3:]:
    asyncio.run(main(name))
"""


@pytest.mark.parametrize("names", [["Ann"], ["Ann", "Bob"]], ids=["one loop", "two loops"])
def test_a_script_that_closes_nothing_ends(database_options, names):
    """One `asyncio.run` after the other with the same auth object, and no driver's thread that holds up the exit."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(asdict(database_options)), SECRET, *names],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, names, "")


# --- mounting


async def test_a_second_mount_raises_at_start_up(make_auth):
    auth = make_auth()
    async with serving(host_application(auth)) as client:
        other = serving(host_application(auth))
        with pytest.raises(SentriError, match="mounted already") as caught:
            await other.start_server()
        assert caught.value.code == "CONFIGURATION_ERROR"
        await other.close()
        assert (await client.get("/auth/me")).status == 401


async def test_two_mounts_in_one_application_raise_at_start_up(make_auth):
    auth = make_auth()
    host = host_application(auth)
    host.add_subapp("/again", auth.app())
    client = serving(host)
    with pytest.raises(SentriError, match="mounted already"):
        await client.start_server()
    await client.server.runner.cleanup()
    await host.cleanup()
    await client.close()


async def test_an_auth_object_can_be_mounted_again_after_the_first_application_ended(make_auth):
    auth = make_auth()
    for _ in range(2):
        async with serving(host_application(auth)) as client:
            assert (await client.get("/auth/me")).status == 401


async def test_one_sub_application_under_two_parents_raises_at_start_up(make_auth):
    auth = make_auth()
    endpoints, first, second = auth.app(), web.Application(), web.Application()
    first.add_subapp("/auth", endpoints)
    second.add_subapp("/auth", endpoints)
    async with serving(first):
        other = serving(second)
        with pytest.raises(SentriError, match="mounted already"):
            await other.start_server()
        await other.close()


async def test_two_auth_servers_live_in_one_application(make_auth, make_database_options):
    first, second = make_auth(), make_auth(db=make_database_options())
    host = web.Application()
    host.add_subapp("/one", first.app())
    host.add_subapp("/two", second.app())
    async with serving(host) as client:
        await first.accounts.register("Ann", PASSWORD)
        body = {"identifier": "Ann", "password": PASSWORD}
        assert (await client.post("/one/login", json=body)).status == 200
        assert (await client.post("/two/login", json=body)).status == 401
