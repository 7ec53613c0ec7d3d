"""Many processes on one Redis; the side effect is a row in PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter as Count
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from sentri.idempotency import LEASE
from tests.idempotency.application import new_key, until
from tests.redis_servers import REDIS

HERE = Path(__file__).parent
PROCESSES, REPEATS, ROUNDS = 10, 50, 10

pytestmark = pytest.mark.parametrize("dialect", ["postgres"], indirect=True)


class Server:
    """A server process, and requests to it."""

    def __init__(self, namespace: str, postgres: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serving_process.py"), REDIS, namespace, postgres],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        )
        self.url = ""

    async def ready(self) -> None:
        port = (await asyncio.to_thread(self.process.stdout.readline)).strip()
        assert port, "the server process ended"
        self.url = f"http://127.0.0.1:{port}/pay"

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def postgres(empty_database_options) -> str:
    at = empty_database_options
    secret = f":{at.password}" if at.password else ""
    return f"postgres://{at.user}{secret}@{at.host}:{at.port}/{at.database}"


@pytest.fixture
async def payments(postgres):
    connection = await asyncpg.connect(postgres)
    await connection.execute("CREATE TABLE payments (id serial PRIMARY KEY, order_name text NOT NULL)")

    async def count(order: str) -> int:
        return await connection.fetchval("SELECT count(*) FROM payments WHERE order_name = $1", order)

    yield count
    await connection.close()


@pytest.fixture
async def start(namespace, postgres, payments):
    """A function that starts server processes."""
    started: list[Server] = []

    async def make(number: int) -> list[Server]:
        servers = [Server(namespace, postgres) for _ in range(number)]
        started.extend(servers)
        await asyncio.gather(*(server.ready() for server in servers))
        return servers

    yield make
    for server in started:
        server.kill()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def pay(client, server, key, order, **query):
    headers = {"Idempotency-Key": key}
    async with client.post(server.url, data=order, headers=headers, params=query) as response:
        return response.status, await response.text(), response.headers.get("Idempotent-Replayed")


async def test_ten_processes_with_fifty_repeats_each_pay_once(start, client, payments):
    servers = await start(PROCESSES)
    for number in range(ROUNDS):
        order, key = f"order {number}", new_key()
        answers = await asyncio.gather(*(pay(client, server, key, order) for _ in range(REPEATS) for server in servers))
        assert Count(status for status, _, _ in answers) == {201: PROCESSES * REPEATS}
        assert len({body for _, body, _ in answers}) == 1
        assert Count(replayed for _, _, replayed in answers) == {None: 1, "true": PROCESSES * REPEATS - 1}
        assert await payments(order) == 1


async def test_the_key_of_a_killed_process_is_free_after_its_lease(start, client, payments, redis_client, namespace):
    dying, living = await start(2)
    key = new_key()
    first = asyncio.create_task(pay(client, dying, key, "order", takes="2"))
    await until(lambda: list(redis_client.scan_iter(f"{namespace}:*")))
    dying.kill()
    with pytest.raises(aiohttp.ClientError):
        await first
    assert await payments("order") == 0
    killed = time.monotonic()
    answers = await asyncio.gather(*(pay(client, living, key, "order", takes="2") for _ in range(20)))
    assert Count((status, replayed) for status, _, replayed in answers) == {(201, None): 1, (201, "true"): 19}
    assert LEASE / 2 < time.monotonic() - killed < LEASE + 5
    assert await payments("order") == 1
