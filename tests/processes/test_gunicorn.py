"""gunicorn with four workers of aiohttp's, as docs/deploying.md has it."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress

import aiohttp
import pytest

from tests.cli.conftest import url_of
from tests.docs.pages import block
from tests.processes.rolling import PATIENCE, ROOT, Load, free_ports
from tests.support import SECRET

pytestmark = pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
WORKERS = 4


def started(port, settings, log):
    """The page's command, with the page's module."""
    line = block("docs/deploying.md", "gunicorn shop.app", "sh").replace("8080", str(port))
    line = line.replace("shop.app", "tests.processes.gunicorn_app")
    with log.open("w") as written:
        return subprocess.Popen(
            [sys.executable, "-m", *shlex.split(line.replace("\\\n", " "))],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=written,
        )


@pytest.fixture
def gunicorn(empty_database_options, shared_redis, tmp_path):
    """A running gunicorn, its port and its log."""
    [port] = free_ports(1)
    log = tmp_path / "gunicorn.log"
    settings = {
        "DATABASE_URL": url_of(empty_database_options),
        "REDIS_URL": shared_redis["redis_url"],
        "NAMESPACE": shared_redis["namespace"],
        "SENTRI_KEY_ENCRYPTION_SECRET": SECRET,
    }
    process = started(port, settings, log)
    try:
        yield process, port, log
        process.terminate()
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


async def workers_of(port, token, count, *, without=frozenset()):
    """The workers that answer, once there are so many of them that are not among the others."""
    deadline = time.monotonic() + PATIENCE
    found = set()
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as client:
        while len(found) < count:
            assert time.monotonic() < deadline, found
            headers = {"Authorization": f"Bearer {token}"}
            answers = await asyncio.gather(
                *(client.get(f"http://127.0.0.1:{port}/who", headers=headers) for _ in range(8))
            )
            assert {answer.status for answer in answers} == {200}
            found |= {(await answer.json())["worker"] for answer in answers} - without
    return found


async def token_of(port):
    """Of a user who registers, as soon as somebody answers."""
    deadline = time.monotonic() + PATIENCE
    body = {"identifier": "ann", "password": "correct horse"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        while time.monotonic() < deadline:
            with suppress(aiohttp.ClientConnectionError):
                await client.post("/auth/register", json=body)
                answered = await client.post("/auth/login", json=body)
                return (await answered.json())["data"]["accessToken"]
            await asyncio.sleep(0.05)
    raise AssertionError("gunicorn does not answer")


async def test_every_worker_knows_the_tokens_of_the_others_and_a_reload_fails_no_request(gunicorn):
    """They start at once on a database without tables; HUP replaces them under load."""
    process, port, log = gunicorn
    token = await token_of(port)
    before = await workers_of(port, token, WORKERS)
    load = Load(port)
    async with load.running(users=3):
        await load.more(40)
        process.send_signal(signal.SIGHUP)
        after = await workers_of(port, token, WORKERS, without=before)
        await load.more(80)
    assert load.failures == []
    assert not before & after
    assert "Traceback" not in log.read_text()
