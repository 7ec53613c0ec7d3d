"""`examples/gunicorn` as `make example-gunicorn` runs it: four workers, one service."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.examples.running import PATIENCE, ROOT

PASSWORD = "correct horse battery"
LISTENING = re.compile(r"Listening at: (http://\S+)")


@pytest.fixture
def workers(tmp_path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """gunicorn, with a folder of its own, and its log."""
    log = tmp_path / "gunicorn.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTRI_")}
    told = {"GUNICORN_BIND": "127.0.0.1:0", "GUNICORN_FOLDER": str(tmp_path / "kept"), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        ROOT / "examples/gunicorn/gunicorn.conf.py",
        "app:make_app",
    ]
    with log.open("wb") as stderr, subprocess.Popen(command, env=kept | told, stderr=stderr) as process:
        try:
            yield process, log
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


async def until(ready, process) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await ready():
            assert process.poll() is None
            await asyncio.sleep(0.05)


async def address_of(log: Path, process) -> str:
    found: list[str] = []

    async def listens() -> bool:
        found.extend(addresses_in(log))
        return bool(found)

    await until(listens, process)
    return found[0]


def addresses_in(log: Path) -> list[str]:
    return LISTENING.findall(log.read_text())


async def test_a_token_of_one_worker_is_good_in_all_and_after_a_reload(workers):
    """And a logout counts in all."""
    process, log = workers
    address = await address_of(log, process)
    # Every request on a connection of its own: the kernel gives it to any worker.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(address, connector=connector) as client:
        body = {"identifier": "ann", "password": PASSWORD}

        async def registers() -> bool:
            try:
                return (await client.post("/auth/register", json=body)).status in (201, 409)
            except aiohttp.ClientError:
                return False

        await until(registers, process)
        token = (await (await client.post("/auth/login", json=body)).json())["data"]["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}

        seen: set[int] = set()

        async def two_have_answered() -> bool:
            answers = await asyncio.gather(*(client.get("/whoami", headers=headers) for _ in range(20)))
            assert {answer.status for answer in answers} == {200}
            seen.update([(await answer.json())["worker"] for answer in answers])
            return len(seen) > 1

        await until(two_have_answered, process)
        before = set(seen)
        process.send_signal(signal.SIGHUP)

        async def a_new_one_has_answered() -> bool:
            answer = await client.get("/whoami", headers=headers)
            assert answer.status == 200
            return (await answer.json())["worker"] not in before

        await until(a_new_one_has_answered, process)
        assert (await client.post("/auth/logout", headers=headers)).status == 200
        answers = await asyncio.gather(*(client.get("/whoami", headers=headers) for _ in range(20)))
        assert {answer.status for answer in answers} == {401}
