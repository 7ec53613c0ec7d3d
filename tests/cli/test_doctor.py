"""`sentri doctor`: it finds every planted mistake, and nothing in a good set-up."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp import web

from sentri import AuthServer, create_auth, create_auth_server
from sentri.cli.doctor.asking import findings_of
from sentri.cli.doctor.catalogue import PITFALLS, Deployment, Finding
from sentri.cli.doctor.cookies import largest_access_token
from sentri.config.database import Database as DatabaseOptions
from sentri.storage import Database
from sentri_testing import FakeAuthServer
from tests.cli.conftest import assert_refused
from tests.databases import ALL
from tests.support import SECRET

ENCRYPTION = "what encrypts the private keys at rest"
GOOD = {
    "valid_roles": ("user", "admin"),
    "key_encryption_secret": ENCRYPTION,
    "trusted_proxies": ["10.1.2.3"],
    "issuer": "https://auth.example.com",
    "password_hash": "argon2id",  # the cheapest good one
}
ONE_DATABASE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
DIRECT = Deployment(behind_proxy=False)
DEPLOYMENT = Deployment(processes=4, behind_proxy=True, url="https://auth.example.com/auth")


def server(options: DatabaseOptions, **more: Any) -> AuthServer:
    given = {**GOOD, "db": options, **more}
    return create_auth(**given) if "secret" in given or "algorithm" in given else create_auth_server(**given)


async def found_in(*auths: Any, deployment: Deployment = DIRECT) -> list[Finding]:
    return [finding async for finding in findings_of(auths, deployment)]


def ids(found: Iterable[Finding]) -> set[str]:
    return {finding.id for finding in found}


@pytest.fixture
async def database_of_a_server(database_options) -> DatabaseOptions:
    """A database that a server with good settings has used, a file for its owner alone."""
    async with server(database_options) as auth:
        await auth.migrate()
    for file in Path(database_options.database).parent.glob(f"{Path(database_options.database).name}*"):
        await asyncio.to_thread(file.chmod, 0o600)
    return database_options


@pytest.mark.parametrize("dialect", ALL, indirect=True)
async def test_finds_nothing_in_a_good_set_up(database_of_a_server, redis_client, namespace):
    auth = server(
        database_of_a_server,
        cookie={"name": "__Host-refresh"},
        access_cookie={"name": "__Host-access"},
        redis_url="redis://127.0.0.1:6379/0",
        namespace=namespace,
    )
    assert await found_in(auth, deployment=DEPLOYMENT) == []


@ONE_DATABASE
@pytest.mark.parametrize(
    "url", ["https://auth.example.com", "https://auth.example.com/", "https://auth.example.com/auth/"]
)
@pytest.mark.parametrize("cookie", [{}, {"path": "/auth"}, {"path": "/auth/"}], ids=["root", "auth", "auth slash"])
async def test_finds_nothing_in_good_cookies_however_the_address_is_written(database_of_a_server, url, cookie):
    auth = server(database_of_a_server, cookie=cookie, access_cookie={})
    assert await found_in(auth, deployment=Deployment(behind_proxy=False, url=url)) == []


async def test_finds_nothing_in_a_good_client():
    async with FakeAuthServer() as issuer:
        client = create_auth(mode="client", key_uri=issuer.key_uri, issuer=issuer.issuer, audience="shop")
        assert await found_in(client) == []


PLANTED: list[tuple[str, dict[str, Any], Deployment]] = [
    ("keys-in-memory", {"key_encryption_secret": None}, DIRECT),
    ("secret-guessable", {"key_encryption_secret": "change-me!" * 4}, DIRECT),
    ("secret-guessable", {"secret": "a" * 64, "key_encryption_secret": None}, DIRECT),
    ("registration-gives-admin", {"registration_roles": ("user", "admin")}, DIRECT),
    ("rate-limit-off", {"rate_limit": False}, DIRECT),
    ("rate-limits-per-process", {}, Deployment(processes=2, behind_proxy=False)),
    ("proxies-not-trusted", {"trusted_proxies": None}, Deployment()),
    ("proxies-too-wide", {"trusted_proxies": ["0.0.0.0/0"]}, Deployment()),
    ("proxies-too-wide", {"trusted_proxies": ["::/0"]}, Deployment()),
    ("hash-cost-low", {"password_hash": "bcrypt", "salt_rounds": 10}, DIRECT),
    ("hash-slow", {"password_hash": "bcrypt", "salt_rounds": 15}, DIRECT),
    ("access-lifetime-long", {"access_expires_in": "7d"}, DIRECT),
    (
        "refresh-leeway-zero",
        {"refresh_leeway": 0, "cookie": {}, "access_cookie": {}},
        DIRECT,
    ),
    ("cookie-dropped", {"cookie": {"domain": "com"}}, DIRECT),
    ("cookie-dropped", {"cookie": {"domain": "other.org"}}, DEPLOYMENT),
    ("cookie-dropped", {"cookie": {}}, Deployment(behind_proxy=False, url="http://auth.example.com/auth")),
    ("cookie-dropped", {"access_cookie": {"path": "/app"}}, DEPLOYMENT),
    ("cookie-dropped", {"cookie": {"path": "/au"}}, DEPLOYMENT),
    ("cookie-over-http", {"cookie": {"secure": False}}, DIRECT),
    ("cookie-over-http", {"cookie": {"secure": False}}, Deployment(behind_proxy=False, url="http://a.example/auth")),
    (
        "cookie-too-large",
        {"access_cookie": {}, "valid_roles": ("admin", *(f"{number:x<90}" for number in range(30)))},
        DIRECT,
    ),
    ("too-many-connections", {}, Deployment(processes=10_000, behind_proxy=False)),
    ("keys-unreadable", {"key_encryption_secret": "another secret than the rows know"}, DIRECT),
    ("key-overlap-short", {"access_expires_in": "50m"}, DIRECT),
    ("clock-skew", {"clock": lambda: time.time() + 100}, DIRECT),
    ("redis-unreachable", {"redis_url": "redis://127.0.0.1:1/0"}, DIRECT),
]


@pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
@pytest.mark.parametrize(("name", "options", "deployment"), PLANTED)
async def test_finds_a_planted_mistake(database_of_a_server, name, options, deployment):
    found = await found_in(server(database_of_a_server, **options), deployment=deployment)
    assert name in ids(found)
    assert ids(found) - {name} <= BESIDE.get(name, set()), found
    said = " ".join(finding.what for finding in found)
    assert ENCRYPTION not in said
    assert "change-me" not in said


BESIDE = {
    "too-many-connections": {"rate-limits-per-process"},
    "cookie-dropped": {"rate-limits-per-process"},
    "clock-skew": {"keys-unreadable"},
    "access-lifetime-long": {"key-overlap-short"},
    "secret-guessable": {"keys-unreadable"},
}
"""What such a mistake brings along."""


@pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)
async def test_finds_the_clock_of_a_database_that_differs(database_of_a_server):
    found = await found_in(server(database_of_a_server, clock=lambda: time.time() - 3600))
    assert re.search(r"differs from this machine's by \+36\d\d s", found[0].what)


@pytest.mark.parametrize("dialect", ALL, indirect=True)
async def test_finds_tables_that_are_missing(empty_database_options):
    found = await found_in(server(empty_database_options))
    assert [finding.id for finding in found if finding.id != "database-readable"] == ["schema-pending"]


@pytest.mark.parametrize("dialect", ALL, indirect=True)
async def test_finds_what_somebody_changed_in_the_tables(make_database_options):
    changed = make_database_options()  # others use the usual one after this test
    database = Database(changed)
    await database.open()
    await database.call(lambda session: session.run("ALTER TABLE sentri_users DROP COLUMN disabled_at"))
    await database.close()
    found = await found_in(server(changed))
    assert [finding.id for finding in found if finding.id != "database-readable"] == ["schema-drift"]
    assert "sentri_users.disabled_at" in found[-1].what


@pytest.mark.parametrize("dialect", ALL, indirect=True)
@pytest.mark.parametrize(("rule", "held"), [("NO ACTION", True), ("RESTRICT", True), ("CASCADE", False)])
async def test_finds_foreign_keys_that_hold_sessions(make_database_options, rule, held):
    changed = make_database_options()
    database = Database(changed)
    await database.open()
    kind = {"sqlite": "CHAR(36)", "postgres": "UUID", "mysql": "CHAR(36)"}[database.dialect]
    make = (
        f"CREATE TABLE carts (session_id {kind} NOT NULL,"
        f" FOREIGN KEY (session_id) REFERENCES sentri_sessions (id) ON DELETE {rule})"
    )
    await database.call(lambda session: session.run(make))
    await database.close()
    found = [finding for finding in await found_in(server(changed)) if finding.id != "database-readable"]
    assert [(finding.id, "rows of carts " in finding.what) for finding in found] == [("sessions-held", True)] * held


@pytest.mark.parametrize("dialect", ALL, indirect=True)
async def test_finds_migrations_of_a_newer_version_and_missing_ones(database_of_a_server, database):
    rename = database.driver.sql("UPDATE aerich SET version = ? WHERE app = ? AND version LIKE ?")
    await database.call(lambda session: session.run(rename, "99_from_the_future.py", "sentri", "1%"))
    found = await found_in(server(database_of_a_server))
    back = database.driver.sql("UPDATE aerich SET version = ? WHERE version = ?")
    await database.call(
        lambda session: session.run(back, "1_20261123135136_add_signing_keys.py", "99_from_the_future.py")
    )
    assert {finding.id: finding.what for finding in found} == {
        "schema-newer": "Migrations that this version does not know: 99_from_the_future.py.",
        "schema-pending": "Migrations that were not applied: 1_20261123135136_add_signing_keys.py.",
    }


@ONE_DATABASE
@pytest.mark.parametrize("secret", ["8f03b1c38f9b00c1f3983bcf108c93b0", "31415926535897932384626433832795028841"])
async def test_takes_random_digits_for_no_guess(database_of_a_server, secret):
    found = await found_in(server(database_of_a_server, secret=secret, key_encryption_secret=None))
    assert found == []


@ONE_DATABASE
async def test_finds_a_file_that_others_read(database_of_a_server):
    await asyncio.to_thread(os.chmod, database_of_a_server.database, 0o644)
    found = await found_in(server(database_of_a_server))
    assert [finding.id for finding in found] == ["database-readable"]
    assert "644" in found[0].what


async def test_finds_a_database_that_does_not_answer():
    nobody = DatabaseOptions(dialect="postgres", database="x", host="127.0.0.1", port=1, user="ada", password="hunter2")
    found = await found_in(server(nobody))
    assert ids(found) == {"database-unreachable"}
    assert "hunter2" not in found[0].what


@ONE_DATABASE
async def test_finds_a_redis_that_forgets(database_of_a_server, own_redis):
    with redis.Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
    found = await found_in(server(database_of_a_server, redis_url=own_redis.url))
    assert [finding.id for finding in found] == ["redis-evicts"]


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("issuer-unreachable", lambda issuer: issuer.go_down()),
        ("issuer-unreachable", lambda issuer: issuer.fail(500)),
    ],
)
async def test_finds_an_issuer_that_does_not_answer(name, plant):
    async with FakeAuthServer() as issuer:
        client = create_auth(mode="client", key_uri=issuer.key_uri, issuer=issuer.issuer, audience="shop")
        await plant(issuer)
        assert ids(await found_in(client)) == {name}


async def test_finds_that_nobody_says_whose_tokens_are_meant():
    async with FakeAuthServer() as issuer:
        found = await found_in(create_auth(mode="client", key_uri=issuer.key_uri))
    assert ids(found) == {"issuer-not-stated"}
    assert "issuer and audience" in found[0].what


async def test_finds_keys_that_travel_over_http():
    client = create_auth(
        mode="client", key_uri="http://auth.invalid/keys", issuer="x", audience="y", allow_insecure_keys=True
    )
    assert ids(await found_in(client)) == {"issuer-over-http", "issuer-unreachable"}


async def test_finds_the_clock_of_an_issuer_that_differs(aiohttp_server):
    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": []}, headers={"Date": "Tue, 15 Nov 1994 08:12:31 GMT"})

    app = web.Application()
    app.router.add_get("/keys", keys)
    running = await aiohttp_server(app)
    client = create_auth(mode="client", key_uri=str(running.make_url("/keys")), issuer="x", audience="y")
    assert ids(await found_in(client)) == {"clock-skew"}


def test_every_pitfall_is_planted_by_a_test():
    source = Path(__file__).read_text()
    missing = [name for name in PITFALLS if f'"{name}"' not in source]
    assert not missing


def test_every_pitfall_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", page, re.MULTILINE))
    assert documented == {name: pitfall.level for name, pitfall in PITFALLS.items()}


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
async def test_the_largest_token_is_estimated_from_above_and_not_by_much(algorithm):
    keys = {"secret": SECRET} if algorithm == "HS256" else {"key_encryption_secret": ENCRYPTION}
    auth = create_auth(db="sqlite://:memory:", algorithm=algorithm, valid_roles=("user", "admin"), **keys)
    async with auth:
        await auth.migrate()
        user = await auth.accounts.register("i" * 255, "correct horse battery", ["user", "admin"])
        size = len((await auth.accounts.start_session(user.id)).access_token)
    assert 0 <= largest_access_token(auth.options) - size < 150


# --- the command


SHOP = f"""
from aiohttp import web
from sentri import create_auth
auth = create_auth(db="sqlite://:memory:", secret="{SECRET}", valid_roles=("user", "admin"), rate_limit=False)
app = web.Application()
auth.setup(app)
bare = web.Application()
"""


def test_what_is_found_is_told_with_its_remedy_and_ends_with_3(sentri):
    done = sentri("doctor", "--no-proxy")
    assert done.returncode == 3
    assert done.stderr == ""
    assert done.stdout.startswith("error keys-in-memory\n")
    assert "SENTRI_KEY_ENCRYPTION_SECRET" in done.stdout
    assert "error schema-pending\n" in done.stdout
    assert done.stdout.endswith("2 findings.\n")
    assert not (sentri.folder / "sentri.db").exists()


def test_a_good_set_up_ends_with_0(sentri):
    settings = {"SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTION, "SENTRI_TRUSTED_PROXIES": "10.1.2.3"}
    assert sentri("migrate", **settings).returncode == 0
    done = sentri("doctor", **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing found.\n", "")


def test_json_and_ignored_ones(sentri):
    done = sentri("doctor", "--json", "--ignore", "schema-pending", WEB_CONCURRENCY="3")
    assert done.returncode == 3
    told = {finding["id"]: finding for finding in json.loads(done.stdout)}
    assert told.keys() == {"keys-in-memory", "rate-limits-per-process", "proxies-not-trusted"}
    assert "3 processes" in told["keys-in-memory"]["what"]
    assert told["keys-in-memory"]["level"] == "error"
    assert told["keys-in-memory"]["remedy"] == PITFALLS["keys-in-memory"].remedy


def test_the_auth_object_of_an_application_is_looked_at(sentri):
    (sentri.folder / "shop.py").write_text(SHOP)
    done = sentri("doctor", "shop:app", "--no-proxy", "--json")
    assert done.returncode == 3, done.stderr
    assert [finding["id"] for finding in json.loads(done.stdout)] == ["rate-limit-off"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--ignore", "keys-in-memroy"), "keys-in-memroy"),
        (("shop:bare",), "no auth object"),
        (("shop:app", "--database-url", "sqlite://x.db"), "--database-url"),
        (("--processes", "0"), "--processes"),
    ],
)
def test_refuses_wrong_arguments(sentri, arguments, reason):
    (sentri.folder / "shop.py").write_text(SHOP)
    assert_refused(sentri("doctor", *arguments), 2, reason)


def test_refuses_wrong_settings_in_words(sentri):
    assert_refused(sentri("doctor", SENTRI_SALT_ROUNDS="3"), 2, "SENTRI_SALT_ROUNDS")
