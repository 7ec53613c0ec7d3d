"""A server that is told to stop, and clients that hang up, in the middle of logins."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import suppress

import aiohttp
import pytest

from sentri.config.database import Database as DatabaseOptions
from tests.cli.conftest import CommandLine
from tests.databases import chosen
from tests.faults.stage import Stage


@pytest.fixture
def sentri(tmp_path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.mark.parametrize(("rounds", "slow"), [(10, False), (14, True)])
async def test_sigterm_in_the_middle_of_logins_answers_each_that_was_accepted(sentri, rounds, slow):
    """Where there is time for all of them, all are checked. Where there is not, the others are refused with 503: no
    connection is cut under an answer, and no answer is half.
    """
    with sentri.serve(SENTRI_SALT_ROUNDS=str(rounds)) as serving:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            logins = [asyncio.create_task(log_in(client, serving.url, number)) for number in range(30)]
            await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
            serving.process.send_signal(signal.SIGTERM)
            statuses = await asyncio.gather(*logins)
            await refused(client, serving.url, within=10)
        assert await asyncio.to_thread(serving.process.wait, 60) == 0
    assert set(statuses) <= ({401, 503} if slow else {401})
    assert "Traceback" not in serving.log


async def test_a_second_sigterm_cuts_no_answer_short(sentri):
    """A supervisor sends it to all processes of a group, and the shell among them passes it on."""
    with sentri.serve(SENTRI_SALT_ROUNDS="12") as serving:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            logins = [asyncio.create_task(log_in(client, serving.url, number)) for number in range(30)]
            await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
            serving.process.send_signal(signal.SIGTERM)
            while not all(login.done() for login in logins):
                await asyncio.wait(logins, timeout=0.1)
                serving.process.send_signal(signal.SIGTERM)
            statuses = await asyncio.gather(*logins)
        assert await asyncio.to_thread(serving.process.wait, 60) == 0
    assert set(statuses) <= {401, 503}
    assert "Traceback" not in serving.log


async def refused(client, url, within: float) -> None:
    """Wait until nobody is let in any more: for a moment after SIGTERM, those who were on their way still are."""
    async with asyncio.timeout(within):
        while True:
            try:
                await log_in(client, url, 30)
            except aiohttp.ClientConnectionError:
                return


async def log_in(client, url, number) -> int:
    """As somebody whom nobody knows: their password is checked like any, and has no limit in common with others."""
    body = {"identifier": f"nobody-{number}", "password": "a wrong password"}
    async with client.post(f"{url}/login", json=body) as response:
        await response.json()
        return response.status


async def test_clients_that_hang_up_leave_no_connection_and_no_lock_behind(tmp_path):
    chosen("sqlite")
    stage = Stage(DatabaseOptions(dialect="sqlite", database=str(tmp_path / "auth.db")), proxied=False, timeout=5.0)
    try:
        async with stage.traffic() as traffic:
            await traffic.end()
            await traffic.answers(0, within=1)
            before = stage.server.files()
            await asyncio.gather(*(hang_up(stage.server.url, number / 1000) for number in range(40)))
            await stage.recovers(traffic)
            await stage.has_its_pool(traffic)
            await back_to(stage, before + 30)  # those that 25 parallel requests keep alive
        await stage.check("healthy")
    finally:
        stage.close()


async def hang_up(url: str, after: float) -> None:
    """Ask to log in, and leave before there is an answer."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"identifier": "nobody", "password": "a wrong password"}).encode()
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    await asyncio.sleep(after)
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def back_to(stage: Stage, files: int) -> None:
    end = time.monotonic() + 10
    while stage.server.files() > files:
        assert time.monotonic() < end, f"{stage.server.files()} files are open, expected at most {files}"
        await asyncio.sleep(0.05)
