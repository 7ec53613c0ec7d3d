"""What makes each event happen in server mode: over HTTP, but for the keys, which have no endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sentri.passwords.queue import HashQueue
from sentri.storage import Sessions
from sentri_testing import ManualClock
from tests.events.watching import Watch
from tests.support import PASSWORD, Api, assert_error, data_of

WRONG = "wrong horse"
NEW = "battery staple"
KEY = "an API key for tests, of thirty-two bytes and more"
VISITOR = {"X-Forwarded-For": "203.0.113.7"}
ELSEWHERE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
COOKIES = {"cookie": {}, "access_cookie": {}}
KEPT = {"key_encryption_secret": "a secret that encrypts the keys of tests", "algorithm": "ES256", "secret": None}


@dataclass
class World:
    """An application that is watched.

    Attributes:
        address: of those who send the requests.
    """

    api: Api
    watch: Watch
    clock: ManualClock
    patch: pytest.MonkeyPatch
    address: str = "127.0.0.1"

    def digest(self, purpose: str, value: str) -> str:
        return self.api.auth._events.digest(purpose, value)  # noqa: SLF001

    def session(self, session_id: str) -> dict[str, str]:
        return {"session": self.digest("session", session_id)}

    def identifier(self, key: str) -> dict[str, Any]:
        return {"details": {"identifier": self.digest("identifier", key)}}

    def came(self, request: str) -> dict[str, str]:
        """That it came with this request."""
        return {"request": request, "client": self.digest("client", self.address)}


Scenario = Callable[[World], Awaitable[Mapping[str, Any]]]
SCENARIOS: dict[tuple[str, str], tuple[Scenario, dict[str, Any]]] = {}
"""Event and case → what provokes it, and the options of the server. It answers with the event's fields."""


def provokes(event: str, case: str = "", **options: Any) -> Callable[[Scenario], Scenario]:
    def add(scenario: Scenario) -> Scenario:
        assert (event, case) not in SCENARIOS
        SCENARIOS[event, case] = scenario, options
        return scenario

    return add


# --- accounts


@provokes("user.registered")
async def a_user_registers(world: World):
    given = {"identifier": "Ann", "password": PASSWORD, "roles": ["user"]}
    user = (await data_of(await world.api.post("/auth/register", given), 201))["user"]
    return {"user_id": user["id"], **world.came("POST /auth/register"), "details": {"roles": ["user"]}}


@provokes("identifier.changed")
async def an_identifier_changes(world: World):
    pair = await world.api.session()
    await data_of(await world.api.call("PATCH", "/auth/me/identifier", {"identifier": "Bob"}, token=pair.access_token))
    return {"user_id": pair.user.id, **world.came("PATCH /auth/me/identifier")}


@provokes("roles.changed")
async def roles_change(world: World):
    user, admin = await world.api.user(), await world.api.session(roles=("admin",))
    given = {"roles": ["editor", "user"]}
    await data_of(await world.api.post(f"/auth/users/{user.id}/roles", given, token=admin.access_token))
    details = {"before": ["user"], "after": ["user", "editor"]}
    about = {"user_id": user.id, "actor_id": admin.user.id, "details": details}
    return {**about, **world.came("POST /auth/users/{userId}/roles")}


@provokes("password.changed")
async def a_password_changes(world: World):
    pair = await world.api.session()
    given = {"currentPassword": PASSWORD, "newPassword": NEW}
    await data_of(await world.api.call("PATCH", "/auth/me/password", given, token=pair.access_token))
    return {"user_id": pair.user.id, **world.came("PATCH /auth/me/password")}


@provokes("password.rehashed", salt_rounds=11)
async def an_old_hash_is_renewed(world: World):
    user = await world.api.user("Ann")
    await data_of(await world.api.login("Ann"))
    return {"user_id": user.id, **world.came("POST /auth/login")}


# --- logins


@provokes("login.succeeded")
async def somebody_logs_in(world: World):
    user = await world.api.user("Ann")
    tokens = await data_of(await world.api.login("Ann"))
    session = world.session(world.api.auth.verify_access_token(tokens["accessToken"]).session_id)
    return {"user_id": user.id, **session, **world.came("POST /auth/login"), "details": {"method": "password"}}


async def fail(world: World, identifier: str = "Ann", password: str = WRONG):
    await assert_error(await world.api.login(identifier, password), 401, "INVALID_CREDENTIALS")
    return {**world.came("POST /auth/login"), **world.identifier("ann")}


@provokes("login.failed", "wrong password")
async def a_password_is_wrong(world: World):
    user = await world.api.user("Ann")
    return {"user_id": user.id, "reason": "wrong_password", **await fail(world)}


@provokes("login.failed", "unknown identifier")
async def an_identifier_is_unknown(world: World):
    return {"reason": "unknown_identifier", **await fail(world, "ANN")}


@provokes("login.failed", "user disabled")
async def a_user_is_disabled(world: World):
    user = await world.api.user("Ann")
    await world.api.disable(user.id)
    return {"user_id": user.id, "reason": "user_disabled", **await fail(world, password=PASSWORD)}


@provokes("login.failed", "changed meanwhile")
async def a_hash_changes_all_the_time(world: World):
    async def start(*_: Any, **__: Any) -> None:
        return None

    user = await world.api.user("Ann")
    world.patch.setattr(Sessions, "start", start)
    return {"user_id": user.id, "reason": "changed_meanwhile", **await fail(world, password=PASSWORD)}


# --- sessions


def revoked(world: World, pair, reason: str, request: str):
    about = {"user_id": pair.user.id, "reason": reason, **world.came(request)}
    return about | world.session(pair.user.session_id)


@provokes("session.revoked", "logout")
async def somebody_logs_out(world: World):
    pair = await world.api.session()
    await data_of(await world.api.post("/auth/logout", token=pair.access_token))
    await data_of(await world.api.post("/auth/logout", token=pair.access_token))  # nothing left to tell
    return revoked(world, pair, "logout", "POST /auth/logout")


@provokes("session.revoked", "logout everywhere")
async def somebody_logs_out_everywhere(world: World):
    user = await world.api.user()
    pair, _ = await world.api.session(user), await world.api.session(user)
    await data_of(await world.api.post("/auth/logout-all", token=pair.access_token))
    about = {"user_id": user.id, "reason": "logout_all", "details": {"sessions": 2}}
    return {**about, **world.came("POST /auth/logout-all")}


@provokes("session.revoked", "another login of the browser", **COOKIES)
async def a_login_replaces_that_of_the_browser(world: World):
    pair, user = await world.api.session(), await world.api.user("Ann")
    given = {"identifier": user.identifier, "password": PASSWORD}
    cookie = {"Cookie": f"refresh_token={pair.refresh_token}"}
    await data_of(await world.api.post("/auth/login", given, headers=cookie))
    return revoked(world, pair, "login", "POST /auth/login")


@provokes("session.revoked", "one too many", max_sessions=1)
async def a_session_is_one_too_many(world: World):
    user = await world.api.user("Ann")
    pair = await world.api.session(user)
    await data_of(await world.api.login("Ann"))
    return revoked(world, pair, "max_sessions", "POST /auth/login")


@provokes("session.revoked", "password change")
async def a_password_change_ends_sessions(world: World):
    return {**await a_password_changes(world), "reason": "password_changed"}


async def reuse(world: World, *, use_successor: bool):
    pair = await world.api.session()
    world.clock.advance(61)
    second = await data_of(await world.api.refresh(pair.refresh_token))
    world.clock.advance(61)
    if use_successor:
        await data_of(await world.api.refresh(second["refreshToken"]))
        world.clock.advance(61)
    await assert_error(await world.api.refresh(pair.refresh_token), 401, "TOKEN_INVALID")
    about = {"user_id": pair.user.id, **world.session(pair.user.session_id), **world.came("POST /auth/refresh")}
    return {**about, "details": {"successor_used": use_successor}}


@provokes("token.reused", "before its successor")
async def a_spent_token_comes_back(world: World):
    return await reuse(world, use_successor=False)


@provokes("token.reused", "after its successor")
async def a_spent_token_comes_back_late(world: World):
    return await reuse(world, use_successor=True)


@provokes("session.revoked", "theft")
async def a_spent_token_ends_its_session(world: World):
    told = await reuse(world, use_successor=True)
    del told["details"]
    return {**told, "reason": "token_reused"}


# --- refusals


@provokes("rate_limit.exceeded", "login", rate_limit={"max_login_attempts": 1})
async def a_login_is_one_too_many(world: World):
    await world.api.login("Ann", WRONG)
    await assert_error(await world.api.login("Ann", WRONG), 429, "RATE_LIMITED")
    return {"reason": "login", **world.came("POST /auth/login"), **world.identifier("ann")}


@provokes("rate_limit.exceeded", "registration", rate_limit={"max_register_attempts": 1}, trusted_proxies=["127.0.0.1"])
async def a_registration_is_one_too_many(world: World):
    world.address = VISITOR["X-Forwarded-For"]
    for status in (201, 429):
        given = {"identifier": f"Ann {status}", "password": PASSWORD}
        assert (await world.api.post("/auth/register", given, headers=VISITOR)).status == status
    return {"reason": "register", **world.came("POST /auth/register")}


@provokes(
    "rate_limit.exceeded",
    "API key",
    rate_limit={"max_api_key_attempts": 1},
    trusted_proxies=["127.0.0.1"],
    api_key=KEY,
)
async def an_api_key_is_one_too_many(world: World):
    world.address = VISITOR["X-Forwarded-For"]
    given = {"identifier": "Ann", "password": PASSWORD}
    for status in (401, 429):
        assert (await world.api.post("/auth/register", given, headers=VISITOR)).status == status
    return {"reason": "api_key", **world.came("POST /auth/register")}


@provokes("rate_limit.exceeded", "account", rate_limit={"max_account_attempts": 1})
async def a_change_is_one_too_many(world: World):
    pair = await world.api.session()
    for status in (200, 429):
        given = {"identifier": f"Ann {status}"}
        response = await world.api.call("PATCH", "/auth/me/identifier", given, token=pair.access_token)
        assert response.status == status
    return {"user_id": pair.user.id, "reason": "account", **world.came("PATCH /auth/me/identifier")}


@provokes("hashing.overloaded")
async def too_many_passwords_wait(world: World):
    world.patch.setattr(HashQueue, "expected_wait", 99.0)
    await assert_error(await world.api.login("Ann"), 503, "SERVICE_UNAVAILABLE")
    return world.came("POST /auth/login")


async def denied(world: World, reason: str, method: str, path: str, token: str | None, **about: Any):
    await assert_error(await world.api.call(method, path, token=token), 403, "FORBIDDEN")
    return {"reason": reason, **world.came(f"{method} {path}"), **about}


@provokes("permission.denied", "roles")
async def a_role_is_missing(world: World):
    pair = await world.api.session()
    about = {"user_id": pair.user.id, **world.session(pair.user.session_id)}
    details = {"details": {"roles": ["admin", "editor"]}}
    return await denied(world, "roles", "GET", "/editors", pair.access_token, **about, **details)


@provokes("permission.denied", "roles, of an imported guard")
async def a_role_is_missing_for_an_imported_guard(world: World):
    pair = await world.api.session()
    about = {"user_id": pair.user.id, **world.session(pair.user.session_id)}
    return await denied(world, "roles", "PUT", "/late", pair.access_token, **about, details={"roles": ["admin"]})


@provokes("permission.denied", "check")
async def a_check_says_no(world: World):
    pair = await world.api.session()
    about = {"user_id": pair.user.id, **world.session(pair.user.session_id)}
    return await denied(world, "check", "POST", "/owners", pair.access_token, **about)


@provokes("permission.denied", "administration")
async def somebody_is_no_admin(world: World):
    pair = await world.api.session()
    path, given = f"/auth/users/{pair.user.id}/roles", {"roles": ["admin"]}
    await assert_error(await world.api.post(path, given, token=pair.access_token), 403, "FORBIDDEN")
    about = {"user_id": pair.user.id, **world.session(pair.user.session_id), "reason": "admin"}
    return {**about, **world.came("POST /auth/users/{userId}/roles")}


@provokes("permission.denied", "roles of one's own")
async def somebody_takes_a_role(world: World):
    given = {"identifier": "Ann", "password": PASSWORD, "roles": ["admin"]}
    await assert_error(await world.api.post("/auth/register", given), 403, "FORBIDDEN")
    return {"reason": "registration_roles", **world.came("POST /auth/register"), "details": {"roles": ["admin"]}}


@provokes("permission.denied", "API key", api_key=KEY)
async def an_api_key_is_wrong(world: World):
    given = {"identifier": "Ann", "password": PASSWORD}
    response = await world.api.post("/auth/register", given, headers={"X-Api-Key": KEY + "!"})
    await assert_error(response, 401, "UNAUTHORIZED")
    return {"reason": "api_key", **world.came("POST /auth/register")}


@provokes("permission.denied", "cross-site endpoint", **COOKIES)
async def another_site_calls_an_endpoint(world: World):
    await assert_error(await world.api.post("/auth/logout", headers=ELSEWHERE), 403, "FORBIDDEN")
    return {"reason": "cross_site", **world.came("POST /auth/logout")}


@provokes("permission.denied", "cross-site handler", **COOKIES)
async def another_site_calls_a_handler(world: World):
    pair = await world.api.session()
    headers = ELSEWHERE | {"Cookie": f"access_token={pair.access_token}"}
    await assert_error(await world.api.post("/owners", headers=headers), 403, "FORBIDDEN")
    return {"reason": "cross_site", **world.came("POST /owners")}


async def change_identifier(world: World, pair, **given: str):
    given = {"identifier": "Bob", **given}
    response = await world.api.call("PATCH", "/auth/me/identifier", given, token=pair.access_token)
    return response, {"user_id": pair.user.id, **world.came("PATCH /auth/me/identifier")}


@provokes("reauthentication.required", reauth_within="5m")
async def a_login_is_too_old(world: World):
    pair = await world.api.session()
    world.clock.advance(301)
    response, told = await change_identifier(world, pair)
    await assert_error(response, 403, "REAUTHENTICATION_REQUIRED")
    return told | world.session(pair.user.session_id)


@provokes("reauthentication.failed", "identifier")
async def a_current_password_is_wrong(world: World):
    response, told = await change_identifier(world, await world.api.session(), currentPassword=WRONG)
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    return told


@provokes("reauthentication.failed", "password")
async def a_current_password_is_wrong_for_a_new_one(world: World):
    pair = await world.api.session()
    given = {"currentPassword": WRONG, "newPassword": NEW}
    response = await world.api.call("PATCH", "/auth/me/password", given, token=pair.access_token)
    await assert_error(response, 401, "INVALID_CREDENTIALS")
    return {"user_id": pair.user.id, **world.came("PATCH /auth/me/password")}


# --- keys


@provokes("key.made", **KEPT)
async def keys_are_made(world: World):
    first, _ = await world.api.auth.keys.list()
    return {"details": {"kid": first.kid, "purpose": "access", "algorithm": "ES256"}}


@provokes("key.rotated", **KEPT)
async def a_key_follows(world: World):
    made = await world.api.auth.keys.rotate()
    details = {"kid": made.kid, "purpose": "access", "algorithm": "ES256", "signs_at": made.signs_at}
    assert (await world.api.auth.keys.rotate()).kid == made.kid  # that waits already: nothing to tell
    return {"details": details}


@provokes("key.withdrawn", **KEPT)
async def a_key_is_taken_back(world: World):
    made = await world.api.auth.keys.rotate()
    await world.api.auth.keys.retire(made.kid)
    return {"details": {"kid": made.kid, "purpose": "access"}}


@provokes("key.ended", **KEPT)
async def a_key_leaks(world: World):
    ended = await world.api.auth.keys.retire(now=True)
    infos = await world.api.auth.keys.list()
    [successor] = [info.kid for info in infos if (info.purpose, info.state) == ("access", "signing")]
    return {"details": {"kid": ended.kid, "purpose": "access", "successor": successor}}


@provokes("key.refused", **KEPT)
async def an_ended_key_is_refused(world: World):
    ended = await world.api.auth.keys.retire(now=True)
    await world.api.auth.keys.list()  # once more: nothing to tell
    return {"details": {"kid": ended.kid, "purpose": "access"}}


@provokes("key.retired", **KEPT)
async def a_key_leaves(world: World):
    [old, _] = await world.api.auth.keys.list()
    await world.api.auth.keys.rotate()
    world.clock.advance(3 * 3600)
    return {"details": {"kid": old.kid, "purpose": "access"}}


def told_of(event: Any, told: Mapping[str, Any]) -> bool:
    """Whether it is about the same: keys of two purposes are made at once."""
    kid = told.get("details", {}).get("kid")
    return kid is None or event.details["kid"] == kid
