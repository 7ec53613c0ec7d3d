"""Users and sessions: what a session read and a login take in a database that grows from step to step."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import bcrypt

from benchmarks import databases
from benchmarks.checking import check_bare, check_login, check_protected
from benchmarks.credentials import AUDIENCE, ISSUER, PASSWORD, Owner, owner
from benchmarks.drawing import Chart
from benchmarks.growing.steps import BARE, Extent, Found, Steps, load, protected, warm_up
from benchmarks.loading import connected
from benchmarks.processes import ServerProcess
from benchmarks.reporting import markdown
from benchmarks.stage import Stage
from benchmarks.traffic import InTurn, post

__all__ = ["measure"]

NAMES: Final = {"postgres": "PostgreSQL", "sqlite": "SQLite", "mysql": "MariaDB"}
CHUNK: Final = 100_000
LOGINS: Final = 2_000
"""Users who log in, in turn: more than log in within one step."""


class Filled:
    """A database of sentri's tables that grows."""

    def __init__(self, dialect: str) -> None:
        self._database = asyncio.run(databases.create(dialect))
        self._users = 0
        self._hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        self.url = self._database.url

    def grow(self, size: int) -> None:
        """Add users, each with a session, until there are so many."""
        asyncio.run(self._grow(size))

    async def _grow(self, size: int) -> None:
        if not self._users:
            await self._database.migrate()
        for start in range(self._users, size, CHUNK):
            some = [owner(number) for number in range(start, min(start + CHUNK, size))]
            await self._database.add(some, self._hash)
        self._users = size

    def drop(self) -> None:
        asyncio.run(self._database.drop())


def measure(stage: Stage, extent: Extent, dialects: list[str]) -> Found:
    """A protected GET with a session read, and a login, at each number of users."""
    steps = Steps()
    with ExitStack() as end:
        filled: dict[str, Filled] = {}
        for dialect in dialects:
            if made := _made(dialect):
                end.callback(made.drop)
                filled[dialect] = made
        for size in extent.users:
            for database in filled.values():
                database.grow(size)
            print(f"{size:9,}  users are there", file=sys.stderr, flush=True)
            _step(stage, extent, filled, size, steps)
    named = [NAMES[dialect] for dialect in filled]
    return Found("Users and sessions", steps, _tables(steps, extent, named), _charts(steps, named))


def _made(dialect: str) -> Filled | None:
    """None where no such database answers; the end, where all services are required."""
    try:
        return Filled(dialect)
    except databases.Unavailable as reason:
        if os.environ.get("SENTRI_TEST_SERVICES") == "required":
            sys.exit(f"{dialect}: {reason}")
        print(f"left out: {dialect}: {reason}", file=sys.stderr)
        return None


def _step(stage: Stage, extent: Extent, filled: dict[str, Filled], size: int, steps: Steps) -> None:
    """Some tokens and logins of users from the whole range, the same ones for every database."""
    chance = random.Random(size)
    some = [owner(chance.randrange(size)) for _ in range(extent.tokens)]
    requests, reads = protected(stage.key.tokens(some))
    with ExitStack() as running:
        bare = running.enter_context(ServerProcess("bare", {}))
        check_bare(bare.port, stage)
        servers = {name: running.enter_context(_server(stage, database)) for name, database in filled.items()}
        for server in servers.values():
            with connected(server.port, extent.busy) as sockets:
                warm_up(sockets, requests)
        logins = {name: _logins(some) for name in servers}

        def measure_one(name: str, process: ServerProcess, traffic: InTurn, connections: int) -> None:
            with connected(process.port, connections) as sockets:
                warm_up(sockets, requests[:connections])
                steps.add(name, size, load(process, sockets, traffic, extent.seconds))

        for _ in range(extent.rounds):
            for kind, connections in (("", extent.busy), (", alone", 1)):
                measure_one(f"{BARE}{kind}", bare, reads, connections)
                for name, server in servers.items():
                    measure_one(f"{NAMES[name]}{kind}", server, reads, connections)
            for name, server in servers.items():
                measure_one(f"{NAMES[name]}, login", server, logins[name], 1)


def _logins(of: list[Owner]) -> InTurn:
    return InTurn(post("/auth/login", {"identifier": one.identifier, "password": PASSWORD}) for one in of[:LOGINS])


@contextmanager
def _server(stage: Stage, database: Filled) -> Iterator[ServerProcess]:
    """A server with sentri in server mode, asked whether it answers right."""
    options: dict[str, Any] = {
        "db": database.url,
        "algorithm": "RS256",
        "secret": stage.key.pem,
        "valid_roles": ["user"],
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "salt_rounds": 10,
    }
    with ServerProcess("server_sentri", {"auth": options, "cheap_hashes": True}) as process:
        check_protected(process.port, stage)
        check_login(process.port, stage)
        yield process


def _tables(steps: Steps, extent: Extent, named: list[str]) -> list[str]:
    head = ("users", "", "GET p50, ms", "of bare", "CPU per GET, µs", "bare / this, CPU", "login p50, ms")
    rows = []
    for size in extent.users:
        for name in (BARE, *named):
            alone, many = steps.typical(f"{name}, alone", size), steps.typical(name, size)
            login = "" if name == BARE else f"{steps.typical(f'{name}, login', size)['p50']:.2f}"
            slower = steps.ratio(f"{name}, alone", f"{BARE}, alone", size, lambda one: one.p50)
            costs = steps.ratio(BARE, name, size, lambda one: one.cpu)
            row = f"{alone['p50']:.2f}", f"{slower:.1f}", f"{many['cpu']:.0f}", f"{costs:.2f}", login
            rows.append((f"{size:,}", name, *row))
    return [markdown(head, rows)]


def _charts(steps: Steps, named: list[str]) -> dict[str, Chart]:
    reads = {name: steps.curve(f"{name}, alone", "p50") for name in (*named, BARE)}
    logins = {name: steps.curve(f"{name}, login", "p50") for name in named}
    costs = {name: steps.curve(name, "cpu") for name in (*named, BARE)}
    along = "users, each with a session"
    return {
        "growth-users": Chart("A protected GET that reads its session", along, "p50, ms, one connection", reads),
        "growth-users-cpu": Chart("The same, 48 connections", along, "CPU per request, µs", costs),
        "growth-logins": Chart("A login with a cheap hash", along, "p50, ms, one connection", logins),
    }
