"""A rolling restart: `sentri serve` in four processes behind a balancer, load all along, and the next version.

The next version is this one, copied, with one more migration: a column, an index, and a wider column.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.processes.balancer import Balancer

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds, on a machine that does much else
PASSWORD = "correct horse battery"
MIGRATION = "90_20991231000000_next_version.py"
CHANGES = {
    "postgres": [
        "ALTER TABLE sentri_users ADD COLUMN note VARCHAR(100)",
        "ALTER TABLE sentri_sessions ADD COLUMN note VARCHAR(100)",
        "CREATE INDEX idx_next_version ON sentri_users (note)",
        "ALTER TABLE sentri_users ALTER COLUMN password_hash TYPE VARCHAR(512)",
    ],
    "mysql": [
        "ALTER TABLE sentri_users ADD COLUMN note VARCHAR(100)",
        "ALTER TABLE sentri_sessions ADD COLUMN note VARCHAR(100)",
        "CREATE INDEX idx_next_version ON sentri_users (note)",
    ],
}


def next_version(folder: Path, dialect: str) -> Path:
    """The folder with sentri as it will be: what `PYTHONPATH` names."""
    for name in ("sentri", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    script = "; ".join(CHANGES[dialect])
    (folder / "migrations" / dialect / "sentri" / MIGRATION).write_text(
        f"MODELS_STATE = 'eJyrrgUAAXUA+Q=='\nasync def upgrade(db):\n    return '''{script};'''\n"
    )
    return folder


class ServerProcess:
    """`sentri serve` on a port."""

    def __init__(self, port: int, settings: Mapping[str, str], log: Path, code: Path = ROOT) -> None:
        self.port = port
        self.log = log
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRI_", "PYTHON"))}
        with log.open("a") as written:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sentri", "serve", "--port", str(port)],
                cwd=log.parent,
                env={**kept, **settings, "PYTHONPATH": str(code)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=written,
            )

    async def ready(self) -> None:
        """When it answers."""
        deadline = time.monotonic() + PATIENCE
        async with aiohttp.ClientSession() as client:
            while time.monotonic() < deadline:
                assert self._process.poll() is None, self.log.read_text()
                with suppress(aiohttp.ClientConnectionError):
                    async with client.get(f"http://127.0.0.1:{self.port}/auth/me") as response:
                        assert response.status == 401
                        return
                await asyncio.sleep(0.05)
        raise AssertionError(f"the server does not answer: {self.log.read_text()}")

    async def stop(self) -> float:
        """SIGTERM; the seconds until it has ended, by itself and without a complaint."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self._process.wait, PATIENCE) == 0, self.log.read_text()
        return time.monotonic() - began

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Load:
    """Users that register, log in, are let in, refresh and log out, one request a connection.

    Attributes:
        answers: how many requests were answered, by what they are.
        failures: what went wrong: each is a request that was not answered as it had to be.
        slowest: seconds.
    """

    def __init__(self, port: int) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.slowest = 0.0
        self._url = f"http://127.0.0.1:{port}/auth"
        self._over = False

    @asynccontextmanager
    async def running(self, users: int) -> AsyncIterator[None]:
        """So many users at a time, until the end of the block."""
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(connector=connector) as client:
            working = [asyncio.create_task(self._users(client)) for _ in range(users)]
            try:
                yield
            finally:
                self._over = True
                await asyncio.gather(*working)

    async def more(self, answers: int) -> None:
        """Wait for so many more answers, or a failure."""
        wanted = self.answers.total() + answers
        async with asyncio.timeout(10 * PATIENCE):
            while self.answers.total() < wanted and not self.failures:  # noqa: ASYNC110 - it waits for a counter
                await asyncio.sleep(0.02)

    async def _users(self, client: aiohttp.ClientSession) -> None:
        while not self._over and len(self.failures) < 20:
            try:
                await self._user(_Caller(self, client, self._url))
            except _Failed:
                continue

    async def _user(self, call: _Caller) -> None:
        identifier = f"user-{secrets.token_hex(8)}"
        body = {"identifier": identifier, "password": PASSWORD}
        key = {"Idempotency-Key": secrets.token_hex(16)}
        await call("register", 201, "POST", "/register", body, headers=key)
        tokens = await call("login", 200, "POST", "/login", body)
        for _ in range(10):
            await call("me", 200, "GET", "/me", token=tokens["accessToken"])
            tokens = await call("refresh", 200, "POST", "/refresh", {"refreshToken": tokens["refreshToken"]})
        await call("me", 200, "GET", "/me", token=tokens["accessToken"])
        await call("logout", 200, "POST", "/logout", token=tokens["accessToken"])
        await call("me after the logout", 401, "GET", "/me", token=tokens["accessToken"])


class _Failed(Exception):
    """This user cannot go on."""


class _Caller:
    """One user's requests."""

    def __init__(self, load: Load, client: aiohttp.ClientSession, url: str) -> None:
        self._load = load
        self._client = client
        self._url = url

    async def __call__(
        self, what: str, status: int, method: str, path: str, body: Any = None, *, token: str = "", headers: Any = None
    ) -> Any:
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        began = time.monotonic()
        try:
            async with self._client.request(method, self._url + path, json=body, headers=sent) as response:
                answered = await response.json()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._fail(f"{what}: {type(error).__name__}: {error}")
        self._load.slowest = max(self._load.slowest, time.monotonic() - began)
        if response.status != status:
            self._fail(f"{what}: {response.status} {answered}")
        self._load.answers[what] += 1
        return answered["data"]

    def _fail(self, why: str) -> None:
        self._load.failures.append(why)
        raise _Failed


class Deployment:
    """Four processes of one version behind a balancer, which are replaced one after the other.

    Attributes:
        balancer: where the load goes.
        stops: seconds that each process took from SIGTERM to its end.
    """

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        self.balancer = Balancer()
        self.stops: list[float] = []
        self.servers: list[ServerProcess] = []
        self._settings = settings
        self._folder = folder

    @asynccontextmanager
    async def running(self, count: int = 4) -> AsyncIterator[None]:
        await self.balancer.start()
        try:
            for port in free_ports(count):
                self.servers.append(self._server(port, ROOT))
            for server in self.servers:
                await server.ready()
                self.balancer.add(server.port)
            yield
        finally:
            for server in self.servers:
                server.kill()
            await self.balancer.close()

    async def replace(self, code: Path, between: Callable[[], Awaitable[None]], *, announced: bool = True) -> None:
        """Each process in turn: no new connections (where announced), SIGTERM, its successor on the same port."""
        for place, server in enumerate(list(self.servers)):
            if announced:
                self.balancer.drain(server.port)
            self.stops.append(await server.stop())
            self.servers[place] = successor = self._server(server.port, code)
            await successor.ready()
            if announced:
                self.balancer.add(server.port)
            await between()

    async def add(self, code: Path = ROOT) -> ServerProcess:
        """One process more."""
        [port] = free_ports(1)
        self.servers.append(server := self._server(port, code))
        await server.ready()
        self.balancer.add(port)
        return server

    def _server(self, port: int, code: Path) -> ServerProcess:
        version = "this" if code == ROOT else "next"
        return ServerProcess(port, self._settings, self._folder / f"{port}-{version}.log", code)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the system gives to clients: nobody takes them meanwhile."""
    found: list[int] = []
    while len(found) < count:
        port = 20000 + secrets.randbelow(10000)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found
