"""A server process, what it depends on, and people who use it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sentri.accounts.identifiers import identifier_key
from sentri.accounts.stores import UserRecord
from sentri.clock import system_clock
from sentri.config.database import Database as DatabaseOptions
from sentri.randomness import new_id
from sentri.storage import Database, Users, migrate
from sentri_testing.users import PASSWORD, PASSWORD_HASH
from tests.databases import Loop
from tests.faults.ledger import Account, Ledger
from tests.faults.traffic import Traffic
from tests.hostile_tokens import HOSTILE, mint_of
from tests.storage.proxy import Proxy
from tests.support import SECRET

HERE = Path(__file__).parent
ADMIN = "the administrator"
RECOVERY = 2.0
"""Seconds after a service's return in which everything works again."""
MARGIN = 1.5
"""Seconds beyond the time-out, on a machine that does much else."""
HASH_WAIT = 2.0
"""Seconds that a password may be expected to wait for a thread; a change of password waits for two."""
_HASHED = ("register", "login", "password")
_SENDABLE = re.compile(r"[!-~]{1,4000}")  # in a header, as it is


class ServerProcess:
    """`serving_process.py`, from when it listens."""

    def __init__(self, options: Mapping[str, Any], program: Path = HERE / "serving_process.py") -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `end`
        self.process = subprocess.Popen(
            [sys.executable, str(program), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
        port = self.process.stdout.readline().strip()
        assert port, f"the server process ended: {self.log}"
        self.url = f"http://127.0.0.1:{port}"

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def files(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
            self._log.close()


class Stage:
    """One server process, which lives through everything that a module's tests do to it.

    Args:
        options: the database as it is, for the tests to look.
        reached: the database as the server reaches it, through a proxy perhaps.
        more: further options of `create_auth`.
        timeout: seconds that the server waits for the database.
    """

    def __init__(self, options: DatabaseOptions, *, proxied: bool = True, timeout: float = 0.8, **more: Any) -> None:
        self.options = options
        self.timeout = timeout
        self.ledger = Ledger()
        self._refresh_token = ""
        self.loop = Loop()
        self.proxy = Proxy(options.host, options.port) if proxied else None
        reached = options
        if self.proxy is not None:
            self.loop.run(self.proxy.start())
            reached = replace(options, host="127.0.0.1", port=self.proxy.port)
        self.loop.run(self._prepare())
        reached = asdict(replace(reached, timeout=timeout))
        self.server = ServerProcess({"db": reached, "secret": SECRET, "max_hash_wait": HASH_WAIT, **more})

    def close(self) -> None:
        try:
            self.server.end()
        finally:
            if self.proxy is not None:
                self.loop.run(self.proxy.stop())
            self.loop.close()

    def log_says(self, words: str) -> int:
        """How often."""
        return self.server.log.count(words)

    def connections(self) -> int:
        """How many the server has to its database, once those that were given up are closed."""
        return self.loop.run(self._connections())

    async def _connections(self) -> int:
        return self.proxy.connections

    @asynccontextmanager
    async def traffic(self, **more: Any) -> AsyncIterator[Traffic]:
        """People who use the server, once everything works."""
        traffic = Traffic(self.server.url, self.ledger, hostile={}, **more)
        async with traffic:
            await self.recovers(traffic)
            traffic.hostile = await self._hostile(traffic)
            traffic.begin()
            await traffic.answers(30, within=30)
            yield traffic

    async def recovers(self, traffic: Traffic) -> float:
        """Seconds until somebody gets new tokens and is let in with them. The test fails where that takes too long."""
        began = time.monotonic()
        while not await self._works(traffic):
            assert time.monotonic() - began < RECOVERY, f"not back after {RECOVERY:g} s: {self.server.log[-3000:]}"
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
        assert took < RECOVERY
        return took

    async def _works(self, traffic: Traffic) -> bool:
        body = {"identifier": ADMIN, "password": PASSWORD}
        if not self._refresh_token:
            _, data = await traffic.ask("recovery", "POST", "/auth/login", body)
            self._refresh_token = data["refreshToken"]
        status, data = await traffic.ask("recovery", "POST", "/auth/refresh", {"refreshToken": self._refresh_token})
        if status != 200:
            return False
        traffic.admin, self._refresh_token = data["accessToken"], data["refreshToken"]
        status, _ = await traffic.ask("recovery", "GET", "/profile", token=traffic.admin)
        return status == 200

    async def has_its_pool(self, traffic: Traffic, number: int = 25) -> None:
        """More than the pool has connections, each of which has to write: all of them are served."""
        names = [name for name, account in self.ledger.accounts.items() if account.exists][-number:]
        ids = await self.user_ids(names)
        for name in names:
            self.ledger.accounts[name].perhaps |= {"editor"}
        answers = await asyncio.gather(
            *(
                traffic.ask("pool", "POST", f"/auth/users/{one}/roles", {"roles": ["editor"]}, traffic.admin)
                for one in ids
            )
        )
        assert [status for status, _ in answers] == [200] * len(ids)

    async def user_ids(self, names: list[str]) -> list[str]:
        async with self.opened() as database:
            users = [await Users(database).by_key(identifier_key(name)) for name in names]
        return [user.id for user in users]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Database]:
        """The database as it is."""
        database = Database(self.options, timeout=30)
        await database.open()
        try:
            yield database
        finally:
            await database.close()

    async def check(self, phase: str) -> None:
        """Everything that was promised for the time of a fault."""
        mistakes, self.ledger.mistakes = self.ledger.mistakes, []
        assert not mistakes, "\n".join(mistakes[:20])
        late = [answer for answer in self.ledger.during(phase) if answer.seconds > self._longest(answer.what)]
        assert not late, "\n".join(map(str, late[:20]))
        async with self.opened() as database:
            wrong = await self.ledger.compare(database)
        assert not wrong, "\n".join(wrong[:20])
        log = self.server.log
        assert "Traceback" not in log, log[log.index("Traceback") :][:4000]
        assert not re.search(r"user-[0-9a-f]{12}", self.server.log)

    def _longest(self, what: str) -> float:
        return self.timeout + MARGIN + (2 * HASH_WAIT if what in _HASHED else 0)

    async def _prepare(self) -> None:
        database = Database(self.options, timeout=30)
        await database.open()
        await migrate(database)
        record = UserRecord(
            id=new_id(),
            identifier=ADMIN,
            identifier_key=identifier_key(ADMIN),
            password_hash=PASSWORD_HASH,
            roles=("user", "admin"),
            created_at=system_clock(),
        )
        assert await Users(database).add(record)
        await database.close()
        self.ledger.accounts[ADMIN] = Account(
            ADMIN, PASSWORD, exists=True, passwords={PASSWORD}, roles={"user", "admin"}, unheard=1_000_000
        )

    async def _hostile(self, traffic: Traffic) -> Mapping[str, str]:
        mint = mint_of(traffic.admin, SECRET, "HS256", time.time())
        # What is valid in a minute is left out.
        lasting = {name: build for name, build in HOSTILE.items() if not name.endswith("ahead")}
        built = {name: token for name, build in lasting.items() if isinstance(token := build(mint), str)}
        return {name: token for name, token in built.items() if _SENDABLE.fullmatch(token)}
