"""What a test with security on costs: a server, a user, a logged-in client and one request, each time anew.

    python benchmarks/testing_kit.py [ROUNDS]

The contenders take turns, round by round. The figures are medians, without the first round, which makes what is made
once a process: keys, and the image of the empty tables.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import sentri
from sentri.server.auth import AuthServer
from sentri.server.options import options_of
from sentri_testing import TestAuthServer, as_user
from sentri_testing.keys import PooledKeys
from sentri_testing.memory import MigratedDatabase

PASSWORD = "correct horse"


async def profile(_: web.Request) -> web.Response:
    return web.json_response({"id": "nobody"})


async def bare() -> None:
    """An application, its client, one request: what aiohttp takes of each of the others."""
    app = web.Application()
    app.router.add_get("/profile", profile)
    async with TestClient(TestServer(app)) as client:
        await expect_ok(client)


def application(auth: Any) -> web.Application:
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/profile", auth.protect(profile))
    return app


async def with_kit(carriage: Any) -> None:
    """What `sentri_auth_server` and `as_user` do."""
    async with (
        TestAuthServer(cookie={}, access_cookie={}) as auth,
        TestClient(TestServer(application(auth))) as client,
        as_user(client, carriage=carriage) as alice,
    ):
        await expect_ok(alice)


async def migrating() -> None:
    """The same, but the schema is not copied: Aerich's files are applied each time."""
    given = {"db": "sqlite://:memory:", "valid_roles": ["user"], "salt_rounds": 10, "migrate_on_startup": False}
    options = options_of({"algorithm": "RS256", **given}, keys_given=True)
    auth = AuthServer(options, database=MigratedDatabase(options.db), keys=PooledKeys(options.algorithm))
    async with auth, TestClient(TestServer(application(auth))) as client, as_user(client) as alice:
        await expect_ok(alice)


async def by_hand() -> None:
    """What one writes without the kit: an auth server in memory, a user who registers and logs in."""
    auth = sentri.create_auth_server(db="sqlite://:memory:", valid_roles=["user"], salt_rounds=10)
    credentials = {"identifier": "alice", "password": PASSWORD}
    async with TestClient(TestServer(application(auth))) as client:
        await client.post("/auth/register", json=credentials)
        login = await (await client.post("/auth/login", json=credentials)).json()
        await expect_ok(client, {"Authorization": f"Bearer {login['data']['accessToken']}"})


async def expect_ok(client: TestClient, headers: dict[str, str] | None = None) -> None:
    response = await client.get("/profile", headers=headers)
    if response.status != 200:
        raise SystemExit(f"{response.status}: {await response.text()}")


CONTENDERS: dict[str, Callable[[], Awaitable[None]]] = {
    "aiohttp alone": bare,
    "the kit, bearer": lambda: with_kit("bearer"),
    "the kit, cookie": lambda: with_kit("cookie"),
    "the kit, migrating each time": migrating,
    "by hand": by_hand,
}


async def measure(rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds + 1):
        for name, run in CONTENDERS.items():
            began = time.perf_counter()
            await run()
            taken[name].append((time.perf_counter() - began) * 1000)
    return taken


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    for name, times in asyncio.run(measure(rounds)).items():
        print(f"{name:30} {statistics.median(times[1:]):7.1f} ms   the first {times[0]:7.1f} ms")


if __name__ == "__main__":
    main()
