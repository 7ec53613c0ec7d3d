"""Two server processes on one database: what one of them decides holds in the other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import aiohttp
import pytest

from tests.support import PASSWORD, SECRET, Api, assert_error, data_of

HERE = Path(__file__).parent


class Server:
    """A server process, and requests to it."""

    def __init__(self, options) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "serving_process.py"), json.dumps(asdict(options)), SECRET],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        )
        self._port = ""
        self._client: aiohttp.ClientSession | None = None

    async def ready(self, client) -> None:
        self._client = client
        self._port = (await asyncio.to_thread(self._process.stdout.readline)).strip()
        assert self._port, "the server process ended"

    async def call(self, method, path, json=None, *, token=None):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self._client.request(method, f"http://127.0.0.1:{self._port}{path}", json=json, headers=headers)

    async def me(self, token):
        return await self.call("GET", "/auth/me", token=token)

    async def refresh(self, refresh_token):
        return await self.call("POST", "/auth/refresh", {"refreshToken": refresh_token})

    async def logout(self, token):
        return await self.call("POST", "/auth/logout", token=token)

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate()


@pytest.fixture
async def servers(database_options):
    servers = [Server(database_options) for _ in range(2)]
    try:
        async with aiohttp.ClientSession() as client:
            await asyncio.gather(*(server.ready(client) for server in servers))
            yield servers
    finally:
        for server in servers:
            server.end()


@pytest.fixture
async def session(make_auth, database):
    """Makes sessions, as a third process would."""
    async with make_auth() as auth:
        api = Api(auth, None, database)
        yield api.session


async def test_twenty_refreshes_of_one_token_get_the_same_successor(servers, session):
    pair = await session()
    responses = await asyncio.gather(*(servers[turn % 2].refresh(pair.refresh_token) for turn in range(20)))
    successors = {(await data_of(response))["refreshToken"] for response in responses}
    assert len(successors) == 1
    await data_of(await servers[0].refresh(successors.pop()))


async def test_a_logout_in_one_and_a_refresh_in_the_other_leave_no_living_token(servers, session):
    one, other = servers
    for _ in range(15):
        pair = await session()
        refreshed, ended = await asyncio.gather(one.refresh(pair.refresh_token), other.logout(pair.access_token))
        await data_of(ended)
        tokens = {"accessToken": pair.access_token, "refreshToken": pair.refresh_token}
        if refreshed.status == 200:
            tokens = await data_of(refreshed)
        await assert_error(await one.me(tokens["accessToken"]), 401, "UNAUTHORIZED")
        await assert_error(await other.refresh(tokens["refreshToken"]), 401, "UNAUTHORIZED")


async def test_theft_that_one_notices_ends_the_session_in_both(servers, session):
    one, other = servers
    pair = await session()
    second = await data_of(await one.refresh(pair.refresh_token))
    third = await data_of(await other.refresh(second["refreshToken"]))
    await assert_error(await one.refresh(pair.refresh_token), 401, "TOKEN_INVALID")
    for server in servers:
        await assert_error(await server.me(third["accessToken"]), 401, "UNAUTHORIZED")
        await assert_error(await server.refresh(third["refreshToken"]), 401, "UNAUTHORIZED")


async def test_registrations_in_both_make_one_user(servers):
    body = {"identifier": "Ann", "password": PASSWORD}
    responses = await asyncio.gather(*(servers[turn % 2].call("POST", "/auth/register", body) for turn in range(6)))
    assert sorted(response.status for response in responses) == [201] + [409] * 5
