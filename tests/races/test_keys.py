"""Kept keys in real processes: made once, rotated once, and an end of one that holds in all."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import aiohttp

from tests.keys.conftest import NEW
from tests.support import PASSWORD, assert_error, data_of

HERE = Path(__file__).parent
PATIENCE = 60  # seconds, on a machine that does much else


class Process:
    """A server process, what it is told and what it answers."""

    def __init__(self, options) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "keys_process.py"), json.dumps(asdict(options)), NEW],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        )

    async def hears(self):
        line = await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), PATIENCE)
        assert line, "the process ended"
        return json.loads(line)

    def told(self, *action: str) -> None:
        self._process.stdin.write(f"{json.dumps(action)}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@asynccontextmanager
async def processes(options, count):
    running = [Process(options) for _ in range(count)]
    try:
        assert await asyncio.gather(*(each.hears() for each in running)) == ["ready"] * count
        yield running
    finally:
        for each in running:
            each.end()


async def all_do(running, *action):
    """Every process at once; their answers."""
    for each in running:
        each.told(*action)
    return await asyncio.gather(*(each.hears() for each in running))


class Fleet:
    """Processes that serve, and requests to one of them."""

    def __init__(self, running, ports, client) -> None:
        self.running = running
        self._ports = ports
        self._client = client

    async def call(self, number, method, path, json=None, *, token=None):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self._ports[number]}/auth{path}"
        return await self._client.request(method, url, json=json, headers=headers)

    async def published(self, number):
        response = await self.call(number, "GET", "/keys")
        return [key["kid"] for key in (await response.json())["keys"]]

    async def login(self, number):
        body = {"identifier": "Ann", "password": PASSWORD}
        return (await data_of(await self.call(number, "POST", "/login", body)))["accessToken"]


@asynccontextmanager
async def fleet(options, count):
    async with processes(options, count) as running, aiohttp.ClientSession() as client:
        yield Fleet(running, await all_do(running, "serve"), client)


async def test_four_servers_that_start_at_once_on_an_empty_database_agree_on_one_key(empty_database_options):
    async with fleet(empty_database_options, 4) as servers:
        published = [await servers.published(number) for number in range(4)]
        assert published[0] * 4 == [kid for kids in published for kid in kids]
        await data_of(await servers.call(0, "POST", "/register", {"identifier": "Ann", "password": PASSWORD}), 201)
        for signer in range(4):
            token = await servers.login(signer)
            for verifier in range(4):
                await data_of(await servers.call(verifier, "GET", "/me", token=token))


async def test_ten_processes_that_rotate_at_once_make_one_key(database_options):
    async with processes(database_options, 10) as running:
        made = await all_do(running, "rotate")
        states = await all_do(running[:1], "states")
    assert len(set(made)) == 1
    assert [state for _, state in states[0]] == ["signing", "upcoming"]
    assert states[0][1][0] == made[0]


async def test_emergencies_at_once_leave_one_new_key(database_options):
    async with processes(database_options, 4) as running:
        ((leaked, _),) = (await all_do(running[:1], "states"))[0]
        await all_do(running[:2], "rotate")
        assert await all_do(running, "retire", leaked) == ["retired"] * 4
        states = (await all_do(running[:1], "states"))[0]
    assert [state for _, state in states] == ["retired", "retired", "signing"]


async def test_every_server_learns_of_a_rotation_and_refuses_a_leaked_key_within_five_seconds(database_options):
    async with fleet(database_options, 3) as servers:
        await data_of(await servers.call(0, "POST", "/register", {"identifier": "Ann", "password": PASSWORD}), 201)
        tokens = [await servers.login(number) for number in range(3)]
        ((first, _),) = (await all_do(servers.running[:1], "states"))[0]
        (coming,) = await all_do(servers.running[:1], "rotate")
        await _within_five_seconds(servers, [first, coming])
        await all_do(servers.running[:1], "retire", first)
        (signs,) = await servers.published(0)
        assert signs not in {first, coming}
        fresh = await servers.login(0)
        for number in range(3):
            await data_of(await servers.call(number, "GET", "/me", token=fresh))
        await _within_five_seconds(servers, [signs])
        for number in range(3):
            for token in tokens:
                await assert_error(await servers.call(number, "GET", "/me", token=token), 401, "TOKEN_INVALID")


async def _within_five_seconds(servers, kids):
    deadline = time.monotonic() + 5
    while [await servers.published(number) for number in range(3)] != [kids] * 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_under_load_no_token_is_refused_during_a_rotation_and_only_leaked_ones_after_an_end(database_options):
    """Logins in one process and their tokens in the other, all along."""
    async with fleet(database_options, 2) as servers:
        await data_of(await servers.call(0, "POST", "/register", {"identifier": "Ann", "password": PASSWORD}), 201)
        refused, done = [], asyncio.Event()

        async def work(number):
            while not done.is_set():
                token = await servers.login(number)
                response = await servers.call(1 - number, "GET", "/me", token=token)
                if response.status != 200:
                    await assert_error(response, 401, "TOKEN_INVALID")
                    refused.append(_kid(token))

        working = asyncio.gather(work(0), work(1))
        await all_do(servers.running, "rotate")
        await asyncio.sleep(1)
        assert refused == []
        leaked = (await all_do(servers.running[:1], "states"))[0][0][0]
        await all_do(servers.running[:1], "retire", leaked)
        await asyncio.sleep(3)
        done.set()
        await working
        assert set(refused) <= {leaked}


def _kid(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
