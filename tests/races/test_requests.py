"""Requests at the same moment: real concurrency, and one request held still at the moment that matters."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from sentri.passwords.hashing import PasswordHasher
from sentri.storage import Sessions, Users
from tests.support import PASSWORD, PASSWORD_HASH, assert_error, data_of

NEW_PASSWORD = "battery staple"


@pytest.fixture
def hold(monkeypatch):
    """Makes the first call of a store's method stand still before it begins, until it is let go."""

    def hold(store, method):
        return Held(monkeypatch, store, method)

    return hold


class Held:
    def __init__(self, monkeypatch, store, method) -> None:
        self.reached, self._let_go = asyncio.Event(), asyncio.Event()
        original = getattr(store, method)

        async def held(itself, *args, **kwargs):
            if not self.reached.is_set():
                self.reached.set()
                await self._let_go.wait()
            return await original(itself, *args, **kwargs)

        monkeypatch.setattr(store, method, held)

    async def during(self, request, *others):
        """Send the request, then, while it stands still, the others, one after the other; what each was answered."""
        standing = asyncio.create_task(request)
        await self.reached.wait()
        answers = [await other for other in others]
        self._let_go.set()
        return [await standing, *answers]


def change_password(api, pair, new=NEW_PASSWORD):
    body = {"currentPassword": PASSWORD, "newPassword": new}
    return api.call("PATCH", "/auth/me/password", body, token=pair.access_token)


def logout(api, pair):
    return api.post("/auth/logout", token=pair.access_token)


# --- registration


async def test_twenty_registrations_of_one_identifier_make_one_user(api, monkeypatch):
    async def hashed(*_):
        await asyncio.sleep(0)
        return PASSWORD_HASH

    monkeypatch.setattr(PasswordHasher, "hash", hashed)
    spellings = ("Ann", "ANN", " ann ", "\uff21\uff4e\uff4e")
    bodies = [{"identifier": spellings[turn % 4], "password": PASSWORD} for turn in range(20)]
    responses = await asyncio.gather(*(api.post("/auth/register", body) for body in bodies))
    made = [response for response in responses if response.status == 201]
    assert len(made) == 1
    for response in responses:
        if response is not made[0]:
            await assert_error(response, 409, "USER_ALREADY_EXISTS")
    user = (await data_of(made[0], 201))["user"]
    assert (await Users(api.database).by_key("ann")).id == user["id"]


async def test_two_users_who_want_one_identifier_do_not_both_get_it(api):
    pairs = [await api.session() for _ in range(5)]
    body = {"identifier": "Ann"}
    responses = await asyncio.gather(
        *(api.call("PATCH", "/auth/me/identifier", body, token=pair.access_token) for pair in pairs)
    )
    assert sorted(response.status for response in responses) == [200] + [409] * 4


async def test_roles_that_are_given_at_once_are_all_there(make_api):
    roles = tuple(f"role-{number}" for number in range(8))
    api = await make_api(valid_roles=("admin", *roles))
    admin, user = await api.session(roles=("admin",)), await api.user(roles=())
    responses = await asyncio.gather(
        *(api.post(f"/auth/users/{user.id}/roles", {"roles": [role]}, token=admin.access_token) for role in roles)
    )
    for response in responses:
        await data_of(response)
    assert set((await Users(api.database).by_id(user.id)).roles) == set(roles)


# --- refresh


async def test_twenty_refreshes_of_one_token_get_the_same_successor(api):
    pair = await api.session()
    responses = await asyncio.gather(*(api.refresh(pair.refresh_token) for _ in range(20)))
    pairs = [await data_of(response) for response in responses]
    [successor] = {data["refreshToken"] for data in pairs}
    for data in pairs:
        await data_of(await api.me(data["accessToken"]))
    await data_of(await api.refresh(successor))


async def test_a_refresh_that_comes_second_gets_the_successor_of_the_first(api, hold):
    pair = await api.session()
    held = hold(Sessions, "rotate")
    late, early = await held.during(api.refresh(pair.refresh_token), api.refresh(pair.refresh_token))
    assert (await data_of(late))["refreshToken"] == (await data_of(early))["refreshToken"]


async def test_a_refresh_that_is_overtaken_by_two_rotations_joins_the_end_of_the_chain(make_api, hooks, told, hold):
    """No second branch; and no theft, for its token was good when it was shown."""
    api = await make_api(hooks=hooks)
    pair = await api.session()

    async def rotate_twice():
        data = await data_of(await api.refresh(pair.refresh_token))
        return await data_of(await api.refresh(data["refreshToken"]))

    late, data = await hold(Sessions, "rotate").during(api.refresh(pair.refresh_token), rotate_twice())
    assert (await data_of(late))["refreshToken"] == data["refreshToken"]
    assert told == []
    await data_of(await api.refresh(data["refreshToken"]))


@pytest.mark.parametrize("method", ["read", "rotate"])
@pytest.mark.parametrize("ending", ["/auth/logout", "/auth/logout-all"])
async def test_a_refresh_that_is_overtaken_by_a_logout_is_refused(api, hold, method, ending):
    pair = await api.session()
    end = api.post(ending, token=pair.access_token)
    late, ended = await hold(Sessions, method).during(api.refresh(pair.refresh_token), end)
    await data_of(ended)
    await assert_error(late, 401, "UNAUTHORIZED")


@pytest.mark.parametrize("ending", ["/auth/logout", "/auth/logout-all"])
async def test_a_refresh_and_a_logout_at_once_leave_no_living_token(api, ending):
    for _ in range(25):
        pair = await api.session()
        refreshed, ended = await asyncio.gather(
            api.refresh(pair.refresh_token), api.post(ending, token=pair.access_token)
        )
        await data_of(ended)
        await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
        await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
        if refreshed.status == 200:
            data = await data_of(refreshed)
            await assert_error(await api.me(data["accessToken"]), 401, "UNAUTHORIZED")
            await assert_error(await api.refresh(data["refreshToken"]), 401, "UNAUTHORIZED")


async def test_two_thefts_at_once_are_told_once(make_api, hooks, told, clock):
    api = await make_api(hooks=hooks)
    pair = await api.session()
    await data_of(await api.refresh(pair.refresh_token))
    clock.advance(3600)
    responses = await asyncio.gather(*(api.refresh(pair.refresh_token) for _ in range(10)))
    assert {response.status for response in responses} == {401}
    assert told == [("on_token_reuse", pair.user.id, pair.user.session_id, False)]


# --- passwords


async def test_a_login_with_the_old_password_that_is_overtaken_by_a_new_one_gets_no_session(api, hold):
    """Its password was right when it was checked."""
    ann = await api.user("Ann")
    pair = await api.session(ann)
    late, changed = await hold(Sessions, "start").during(api.login("Ann"), change_password(api, pair))
    await data_of(changed)
    await assert_error(late, 401, "INVALID_CREDENTIALS")
    assert await Sessions(api.database, lambda: 0.0).end_all(ann.id) == 0


async def test_a_login_that_is_overtaken_by_the_users_disabling_gets_no_session(api, hold):
    ann = await api.user("Ann")
    late, _ = await hold(Sessions, "start").during(api.login("Ann"), api.disable(ann.id))
    await assert_error(late, 401, "INVALID_CREDENTIALS")
    assert await Sessions(api.database, lambda: 0.0).end_all(ann.id) == 0


async def test_a_renewed_hash_never_overwrites_a_new_password(make_api, hold):
    api = await make_api(salt_rounds=11)
    pair = await api.session(await api.user("Ann"))
    late, changed = await hold(Users, "renew_hash").during(api.login("Ann"), change_password(api, pair))
    await data_of(changed)
    tokens = await data_of(late)
    await assert_error(await api.me(tokens["accessToken"]), 401, "UNAUTHORIZED")
    await assert_error(await api.login("Ann"), 401, "INVALID_CREDENTIALS")
    await data_of(await api.login("Ann", NEW_PASSWORD))


async def test_a_login_that_is_overtaken_by_a_renewal_succeeds(make_api, hold):
    """The hash that it verified is another now, but of the same password."""
    api = await make_api(salt_rounds=11)
    await api.user("Ann")
    for response in await hold(Sessions, "start").during(api.login("Ann"), api.login("Ann")):
        tokens = await data_of(response)
        await data_of(await api.me(tokens["accessToken"]))


async def test_two_logins_at_once_that_both_renew_the_hash_both_succeed(make_api):
    api = await make_api(salt_rounds=11)
    ann = await api.user("Ann")
    for response in await asyncio.gather(api.login("Ann"), api.login("Ann")):
        await data_of(response)
    renewed = (await Users(api.database).by_id(ann.id)).password_hash
    assert renewed.startswith("$2b$11$")
    assert await api.auth.verify_password(PASSWORD, renewed)


async def test_a_change_of_password_that_is_overtaken_by_a_renewal_succeeds(make_api, hold):
    api = await make_api(salt_rounds=11)
    pair = await api.session(await api.user("Ann"))
    changed, login = await hold(Users, "change_password").during(change_password(api, pair), api.login("Ann"))
    await data_of(changed)
    tokens = await data_of(login)
    await assert_error(await api.me(tokens["accessToken"]), 401, "UNAUTHORIZED")
    await data_of(await api.login("Ann", NEW_PASSWORD))


async def test_of_two_changes_of_one_password_the_second_is_refused(api, hold):
    ann = await api.user("Ann")
    pairs = [await api.session(ann), await api.session(ann)]
    held = hold(Users, "change_password")
    late, early = await held.during(change_password(api, pairs[0], "the late one"), change_password(api, pairs[1]))
    await data_of(early)
    await assert_error(late, 401, "INVALID_CREDENTIALS")
    await data_of(await api.login("Ann", NEW_PASSWORD))


# --- clients that go away


class Watched:
    """The built-in refresh; tells that it began, and that it ended."""

    def __init__(self) -> None:
        self.began, self.ended, self.auth = asyncio.Event(), asyncio.Event(), None

    async def __call__(self, refresh_token):
        self.began.set()
        pair = await self.auth.accounts.refresh(refresh_token)
        self.ended.set()
        return pair


def raw_refresh(refresh_token):
    body = json.dumps({"refreshToken": refresh_token}).encode()
    head = f"POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def test_clients_that_go_away_in_the_middle_of_a_write_leak_no_connection(make_api, database_options):
    """Their handlers are cancelled (aiohttp's test server does that, a host may configure it); what writes is carried
    out to its end all the same, and the pool has two.
    """
    watched = Watched()
    api = await make_api(db=replace(database_options, max=2), router={"refresh": watched})
    watched.auth = api.auth
    ann = await api.user()
    for turn in range(50):
        pair = await api.session(ann)
        watched.began.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
        writer.write(raw_refresh(pair.refresh_token))
        await watched.began.wait()
        for _ in range(turn % 10):  # at another moment each time
            await asyncio.sleep(0)
        writer.transport.abort()
        async with asyncio.timeout(30):
            await watched.ended.wait()
        watched.ended.clear()
    pair = await api.session(ann)
    for response in await asyncio.gather(*(api.refresh(pair.refresh_token) for _ in range(5))):
        await data_of(response)


# --- administration


async def test_who_is_disabled_while_logging_in_is_not_logged_in(api, hold):
    admin, user = await api.session(roles=("admin",)), await api.user("Ann")
    standing = hold(Sessions, "start")
    disabling = api.post(f"/auth/admin/users/{user.id}/disable", token=admin.access_token)
    login, disabled = await standing.during(api.login("Ann"), disabling)
    await data_of(disabled)
    await assert_error(login, 401, "INVALID_CREDENTIALS")
    assert (await api.auth.sessions.list(user.id)).items == ()


async def test_logins_and_disablings_without_any_order_leave_no_session(api):
    admin, user = await api.session(roles=("admin",)), await api.user("Ann")
    path, token = f"/auth/admin/users/{user.id}", admin.access_token
    for _ in range(3):
        await data_of(await api.post(f"{path}/enable", token=token))
        logins = [api.auth.accounts.start_session(user.id) for _ in range(6)]
        await asyncio.gather(*logins[:3], api.post(f"{path}/disable", token=token), *logins[3:], return_exceptions=True)
        assert (await api.auth.sessions.list(user.id)).items == ()


async def test_who_is_deleted_while_refreshing_gets_no_tokens(api, hold):
    admin, pair = await api.session(roles=("admin",)), await api.session()
    standing = hold(Sessions, "rotate")
    deleting = api.call("DELETE", f"/auth/admin/users/{pair.user.id}", token=admin.access_token)
    refreshed, deleted = await standing.during(api.refresh(pair.refresh_token), deleting)
    await data_of(deleted)
    await assert_error(refreshed, 401, "UNAUTHORIZED")


async def test_a_user_who_is_disabled_while_their_request_runs_is_refused_from_the_next_one_on(api, hold):
    admin, pair = await api.session(roles=("admin",)), await api.session()
    standing = hold(Sessions, "page")
    mine = api.call("GET", "/auth/me/sessions", token=pair.access_token)
    disabling = api.post(f"/auth/admin/users/{pair.user.id}/disable", token=admin.access_token)
    shown, disabled = await standing.during(mine, disabling)
    await data_of(disabled)
    assert (await data_of(shown))["sessions"] == []
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")


async def test_roles_that_are_added_and_removed_at_once_are_all_decided(make_api):
    roles = tuple(f"role-{number}" for number in range(6))
    api = await make_api(valid_roles=("admin", *roles))
    admin, user = await api.session(roles=("admin",)), await api.user(roles=roles[:3])
    path, token = f"/auth/admin/users/{user.id}/roles", admin.access_token
    removed = [api.call("DELETE", f"{path}/{role}", token=token) for role in roles[:3]]
    added = [api.post(path, {"roles": [role]}, token=token) for role in roles[3:]]
    for response in await asyncio.gather(*removed, *added):
        await data_of(response)
    assert set((await Users(api.database).by_id(user.id)).roles) == set(roles[3:])


async def test_of_two_deletions_at_once_one_finds_the_user(api):
    admin, user = await api.session(roles=("admin",)), await api.user()
    path = f"/auth/admin/users/{user.id}"
    both = await asyncio.gather(*(api.call("DELETE", path, token=admin.access_token) for _ in range(2)))
    assert sorted(response.status for response in both) == [200, 404]
