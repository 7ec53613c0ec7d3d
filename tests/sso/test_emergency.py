"""`sentri keys retire --now` for a leaked key, typed in a shell beside everything that runs."""

from __future__ import annotations

import asyncio
import os
import sys

from sentri.clock import system_clock
from tests.sso.conftest import SECRET
from tests.support import PASSWORD


async def cli(database, *arguments: str) -> str:
    urls = {"sqlite": f"sqlite://{database.database}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sentri",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "SENTRI_DATABASE_URL": urls[database.dialect],
            "SENTRI_KEY_ENCRYPTION_SECRET": SECRET,
            "SENTRI_VALID_ROLES": "user,admin",
        },
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def until_refused(landscape, process, token: str, path: str) -> float:
    """Seconds until the token is refused."""
    began = system_clock()
    async with asyncio.timeout(20):
        while await landscape.status(process, token, path) == 200:  # noqa: ASYNC110 - other processes notice
            await asyncio.sleep(0.05)
    assert await landscape.status(process, token, path) == 401
    return system_clock() - began


async def test_a_leaked_key_is_refused_everywhere_and_nobody_is_logged_out(landscape, database_options, key_times):
    one, two = landscape.clients
    user = await landscape.auth.accounts.register("ann", PASSWORD, ["user"])
    before = await landscape.auth.accounts.start_session(user.id)
    leaked = before.access_token
    everywhere = [(landscape.server, "/auth/me"), (one, "/profile"), (two, "/profile")]
    for process, path in everywhere:
        assert await landscape.status(process, leaked, path) == 200

    printed = await cli(database_options, "keys", "retire", "--now")
    assert "PRIVATE" not in printed

    seconds = await asyncio.gather(
        until_refused(landscape, landscape.server, leaked, "/auth/me"),
        until_refused(landscape, two, leaked, "/profile"),
    )
    assert seconds[0] < 5, "what a server process may take to notice"
    assert seconds[1] < key_times.max_age + 2, "what a client's cache may take, and a fetch"

    await landscape.auth.keys.list()  # ours is a process too, and has to notice
    # The session lives on, with tokens of a key that nobody has seen before; whoever sees one drops the leaked key.
    after = await landscape.auth.accounts.refresh(before.refresh_token)
    for process, path in everywhere:
        assert await landscape.status(process, after.access_token, path) == 200
        assert await landscape.status(process, leaked, path) == 401


async def test_the_first_token_of_the_new_key_ends_the_leaked_one_at_a_client(landscape, database_options):
    client = landscape.clients[0]
    user = await landscape.auth.accounts.register("ann", PASSWORD, ["user"])
    before = await landscape.auth.accounts.start_session(user.id)
    assert await landscape.status(client, before.access_token) == 200
    leaked_kid = next(key.kid for key in await landscape.auth.keys.list() if key.purpose == "access")
    await cli(database_options, "keys", "retire", leaked_kid, "--now")
    await until_refused(landscape, landscape.server, before.access_token, "/auth/me")
    await landscape.auth.keys.list()  # ours is a process too, and has to notice
    after = await landscape.auth.accounts.refresh(before.refresh_token)
    assert await landscape.status(client, after.access_token) == 200
    assert await landscape.status(client, before.access_token) == 401
