"""An auth server and two services that trust it, each in a process of its own; the keys are in the database.

Time runs faster for keys: what takes 15 minutes in life takes seconds here, and the numbers keep their proportions.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sentri import AuthServer, Database
from sentri.keys.timeline import KeyTimes
from sentri.server.auth import server_with_generated_keys

HERE = Path(__file__).parent
SECRET = "a key encryption secret for tests, long enough"
LIFETIME = 20
"""Seconds of an access token."""


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """Clients know no database, so one is enough."""
    return request.param


@pytest.fixture
def key_times() -> KeyTimes:
    """How fast the keys of this test live."""
    return KeyTimes(max_age=3, publish_for=30, notice=0.5, margin=2)


class Process:
    """A process that prints the port that it listens on."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._command = [sys.executable, "-W", "error::ResourceWarning", str(HERE / script), *arguments]
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    async def start(self) -> None:
        """Returns when it listens."""
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        env = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, env=env)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip(), f"{self._command[3]} ended before it listened"
        self.port = int(line)

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.communicate()


class Landscape:
    """An auth server, two services, and a hand of ours in the server's database.

    Attributes:
        auth: one more process of the server, in effect: it shares the keys, and makes tokens while the other is dead.
        server: the auth server that the services fetch the keys from.
        clients: the services.
        key_uris: where each fetches them.
    """

    def __init__(self, auth: AuthServer, database: Database, times: KeyTimes, folder: Path, port: int) -> None:
        self.auth = auth
        self._mischief = folder / "mischief"
        self._mischief.write_text("")
        self._log = folder / "fetches.log"
        self._log.touch()
        told = {
            "database": asdict(database),
            "secret": SECRET,
            "port": port,
            "times": asdict(times),
            "lifetime": LIFETIME,
            "mischief": str(self._mischief),
            "log": str(self._log),
        }
        self.server = Process("server_process.py", json.dumps(told))
        uri = f"http://127.0.0.1:{port}/auth/keys"
        self.clients = [Process("client_process.py", f"{uri}?{name}") for name in ("one", "two")]
        self._http: aiohttp.ClientSession | None = None

    async def start(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        await self.server.start()
        await asyncio.gather(*(client.start() for client in self.clients))

    def end(self) -> None:
        for process in (*self.clients, self.server):
            process.end()

    def misbehave(self, how: str) -> None:
        """At the key set: `garbage`, `redirect`, `500`, `hang`; nothing ends it."""
        self._mischief.write_text(how)

    def fetches(self) -> dict[str, list[float]]:
        """When each service fetched the keys."""
        found: dict[str, list[float]] = {"one": [], "two": []}
        for line in self._log.read_text().splitlines():
            moment, name = line.split()
            found[name].append(float(moment))
        return found

    async def status(self, process: Process, token: str | None, path: str = "/profile") -> int:
        assert self._http is not None
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self._http.get(f"http://127.0.0.1:{process.port}{path}", headers=headers) as response:
            await response.read()
            return response.status


@pytest.fixture
async def landscape(
    database_options, key_times, tmp_path, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[Landscape]:
    """All of it, running."""
    options: dict[str, Any] = {
        "db": database_options,
        "key_encryption_secret": SECRET,
        "valid_roles": ("user", "admin"),
        "salt_rounds": 10,
        "access_expires_in": LIFETIME,
    }
    async with server_with_generated_keys(options, key_times=key_times) as auth, aiohttp.ClientSession() as http:
        await auth.migrate()
        made = Landscape(auth, database_options, key_times, tmp_path, unused_tcp_port_factory())
        try:
            await made.start(http)
            yield made
        finally:
            made.end()
