"""Every statement that is sent for a request finds its rows by an index, on every database.

The statements are not listed here: each is explained in the moment in which a server sends it, and another test asks
whether everything that the stores can say was said. SENTRI_TEST_USERS says among how many users; `make soak` makes it
a million.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import DummyCookieJar

import sentri.storage
from benchmarks.soaking.filling import Crowd, fill, session_id, user_id
from sentri.server.auth import AuthServer
from sentri.server.options import options_of
from sentri.storage import Database
from sentri.storage.drivers import driver_for
from sentri_testing import ManualClock
from sentri_testing.users import PASSWORD, PASSWORD_HASH
from tests.storage.explaining import ExplainingDriver
from tests.support import SECRET, Api, data_of, host_application, serving

MANY = os.environ.get("SENTRI_TEST_USERS")
USERS = {"postgres": 100_000, "mysql": 20_000, "sqlite": 20_000}
"""So many that reading 200 rows by an index is cheaper than reading the table: PostgreSQL alone compares the two."""
TIMEOUT = 600 if MANY else 60
TOGETHER = 200
EXPIRED = 100  # every so many-th session
DAY = 86400


@pytest.fixture
async def explaining(dialect):
    return ExplainingDriver(driver_for(dialect))


@pytest.fixture
def crowd(dialect):
    return Crowd(int(MANY or USERS[dialect]), expired=EXPIRED)


@pytest.fixture
async def crowded(make_database_options, crowd):
    """A database with many users, two sessions of each, and an address of each."""
    database = Database(make_database_options(), timeout=TIMEOUT)
    await database.open()
    await fill(database, crowd, PASSWORD_HASH)
    yield database
    await database.close()


@pytest.fixture
async def make_crowded_api(crowded, explaining):
    """Servers on that database that explain what they send."""
    async with AsyncExitStack() as running:

        async def make(carriage="bearer", **options) -> Api:
            given = {
                "db": crowded.options,
                **({} if "key_encryption_secret" in options else {"secret": SECRET}),
                "valid_roles": ("user", "admin"),
                "salt_rounds": 11,  # so that a login makes the hash anew
                "trusted_proxies": ["127.0.0.1"],
            }
            database = Database(crowded.options, timeout=TIMEOUT, driver=explaining)
            clock = ManualClock()
            auth = AuthServer(options_of(given | options), clock=clock, database=database)
            client = serving(host_application(auth), DummyCookieJar())
            api = Api(auth, await running.enter_async_context(client), crowded, carriage)
            api.clock = clock
            return api

        yield make


async def test_every_statement_of_a_request_uses_an_index(make_crowded_api, explaining, crowd):
    api = await make_crowded_api()
    await purge_workload(api, crowd)
    await accounts_workload(api)
    await together_workload(api)
    await address_workload(api)
    await administration_workload(api)
    await browser_workload(await make_crowded_api("cookie", cookie={}, access_cookie={}, max_sessions=2))
    await keys_workload(await make_crowded_api(algorithm="ES256", key_encryption_secret=SECRET))
    assert explaining.explained.scans == {}
    assert unsaid(explaining.explained.statements) == []


async def accounts_workload(api):
    """What users do, one after the other."""
    await data_of(await api.post("/auth/register", {"identifier": "new", "password": PASSWORD}), 201)
    pair = await data_of(await api.login("user-7@example.com"))
    token = pair["accessToken"]
    await data_of(await api.me(token))
    await data_of(await api.call("PATCH", "/auth/me/identifier", {"identifier": "seven"}, token=token))
    taken = {"identifier": "user-8@example.com"}
    assert (await api.call("PATCH", "/auth/me/identifier", taken, token=token)).status == 409
    api.clock.advance(120)
    await data_of(await api.refresh(pair["refreshToken"]))
    await api.auth.accounts.assign_roles(user_id(7), ["admin"])
    await data_of(await api.post(f"/auth/users/{user_id(8)}/roles", {"roles": ["admin"]}, token=token))
    change = {"currentPassword": PASSWORD, "newPassword": "another horse"}
    await data_of(await api.call("PATCH", "/auth/me/password", change, token=token))
    await data_of(await api.post("/auth/logout", token=(await session(api, 9)).access_token))
    await data_of(await api.post("/auth/logout-all", token=(await session(api, 10)).access_token))
    stolen = (await session(api, 11)).refresh_token
    for _ in range(2):
        await api.refresh(stolen)
        api.clock.advance(120)


async def administration_workload(api):
    """What administrators do, and users with their own sessions. Lists of users have a test of their own."""
    users, sessions = api.auth.users, api.auth.sessions
    person = (await users.by_identifier("user-20@example.com")).id
    await users.list(limit=10)
    await users.list(search="user-1", role="admin", limit=10)
    await users.create("made", PASSWORD, ["user"])
    await users.set_roles(person, ["user", "admin"])
    await users.remove_roles(person, ["admin"])
    await users.set_password(person, PASSWORD)
    for number in range(3):
        api.clock.advance(number)
        tokens = await data_of(await api.login("user-20@example.com"))
    first = await sessions.list(person, limit=2)
    second = await sessions.list(person, limit=2, cursor=first.next_cursor)
    await sessions.get(second.items[0].id)
    nowhere = (await session(api, 20)).user.session_id  # as of a login of the host's own, which endpoints complete
    assert await api.auth._context.sessions.describe(nowhere, device="a browser", address="192.0.2.1")  # noqa: SLF001
    await sessions.revoke(nowhere)
    await sessions.revoke(second.items[0].id)
    mine, token = f"/auth/me/sessions/{first.items[1].id}", tokens["accessToken"]
    await data_of(await api.call("DELETE", mine, token=token))
    assert await sessions.revoke_all(person) == 1
    await users.disable(person)
    await users.enable(person)
    await users.delete(person)
    rows = [{"identifier": name, "password_hash": PASSWORD_HASH} for name in ("user-21@example.com", "imported")]
    report = await users.import_many(rows, existing="skip")
    assert report.created == 1


async def session(api, number):
    return await api.auth.accounts.start_session(user_id(number))


async def together_workload(api):
    """What travels together when many wait."""
    sessions, now = api.auth._context.sessions, api.clock.now  # noqa: SLF001 - the coalesced ones, as many as go
    living = [number for number in range(101, 101 + 2 * TOGETHER) if number % EXPIRED]
    names = list(map(session_id, living[:TOGETHER]))
    assert all(await asyncio.gather(*map(sessions.find_active, names)))
    read = await asyncio.gather(*map(sessions.read, names))
    rotations = (
        sessions.rotate(one.id, presented=one.jti, successor="new", now=now, expires_at=now + DAY) for one, _ in read
    )
    assert all(await asyncio.gather(*rotations))


async def address_workload(api):
    """Logins from here and there, of a user with more addresses than are kept, whatever the purge has left of them."""
    login = {"identifier": "user-195@example.com", "password": PASSWORD}
    for number in (*range(1, 12), 11):
        await data_of(await api.post("/auth/login", login, headers={"X-Forwarded-For": f"203.0.113.{number}"}))
    api.clock.advance(DAY)
    await data_of(await api.post("/auth/login", login, headers={"X-Forwarded-For": "203.0.113.11"}))


async def purge_workload(api, crowd):
    """What a login does beside its answer: a batch, for the whole of it would be a minute more with a million users."""
    before = [await count(api, table) for table in ("sentri_sessions", "sentri_known_addresses")]
    purging = api.auth._context.purging  # noqa: SLF001
    purging.nudge()
    await asyncio.gather(*purging._running)  # noqa: SLF001
    after = [await count(api, table) for table in ("sentri_sessions", "sentri_known_addresses")]
    assert before[0] - after[0] == min(500, crowd.sessions // crowd.expired)
    assert before[1] > after[1]


async def count(api, table):
    rows = await api.database.call(lambda session: session.rows(f"SELECT COUNT(*) AS n FROM {table}"))
    return rows[0]["n"]


async def browser_workload(api):
    """Silent refresh, and a user who may have two sessions."""
    login = {"identifier": "user-12@example.com", "password": PASSWORD}
    for _ in range(2):
        answer = await api.post("/auth/login", login, headers={"Sec-Fetch-Site": "same-origin"})
        await data_of(answer)
    api.clock.advance(20 * 60)
    refresh = answer.cookies["refresh_token"].value
    shown = await api.call("GET", "/profile", headers={"Cookie": f"refresh_token={refresh}"})
    assert (shown.status, "refresh_token" in shown.cookies) == (200, True)


async def keys_workload(api):
    """Keys that are kept in the database."""
    await api.auth.keys.rotate()
    await api.auth.keys.retire(now=True)
    await data_of(await api.me((await session(api, 13)).access_token))


# --- whether it was everything


def unsaid(statements) -> list[str]:
    """What stands in the stores and was not sent; `sentri_keys` apart, whose few rows need no index."""
    said = [re.sub(r"\$\d+|%s", "?", statement) for statement in statements]
    return [text for text in written() if not any(pattern_of(text).match(statement) for statement in said)]


def written() -> list[str]:
    """Every statement that stands in the source of the stores, but for those that the doctor alone asks."""
    folder = Path(sentri.storage.__file__).parent
    texts = [
        node.value
        for file in sorted(folder.glob("*.py"))
        if file.name != "inspecting.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    starts = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")
    statements = [text for text in texts if text.startswith(starts) and len(text.split()) > 3]  # others name spans
    return [text for text in statements if re.search(r"\bsentri_(?!keys)", text)]


def pattern_of(text: str) -> re.Pattern[str]:
    """What the statement looks like when it is sent: any part in the place of a `{part}`."""
    return re.compile(".*".join(map(re.escape, re.split(r"\{\w+\}", text))))


def test_the_source_is_read():
    assert len(written()) > 20


# --- whether the check can fail


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM sentri_users WHERE identifier = ?",
        "SELECT id FROM sentri_sessions WHERE rotated_at < ?",
        "UPDATE sentri_sessions SET jti = 'x' WHERE jti = ?",
        "DELETE FROM sentri_known_addresses WHERE seen_at < ?",
        "SELECT COUNT(*) FROM sentri_users",
    ],
)
async def test_a_statement_without_an_index_is_found(database, explaining, statement):
    values = [database.driver.values.time(1.0) if "_at" in statement else "x"] * statement.count("?")
    seen = Database(database.options, driver=explaining)
    await seen.open()
    sql = seen.driver.sql(statement)
    await seen.call(lambda session: session.rows(sql, *values))
    await seen.close()
    assert list(explaining.explained.scans) == [sql]
