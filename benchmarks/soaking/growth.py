"""Whether protect and login take as long with a million users and two million sessions as with a thousand.

Two databases of each kind, a server process before each, measured in turns. Users and sessions are drawn from the whole
table. The median of the rounds' ratios may not be above 1.3.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import bcrypt

from benchmarks import databases
from benchmarks.credentials import AUDIENCE, ISSUER, PASSWORD, Owner, SigningKey
from benchmarks.loading import drive
from benchmarks.processes import LOAD_CORES, ServerProcess, stay_on
from benchmarks.soaking.filling import Crowd, fill, session_id, user_id
from benchmarks.soaking.outcome import Outcome
from benchmarks.traffic import InTurn, Once, Traffic, get, post
from sentri.config.database import read_database
from sentri.storage import Database

FEW: Final = 1_000
MANY: Final = 1_000_000
MOST: Final = 1.3
TOKENS: Final = 10_000
LOGINS: Final = 4_000
DEAR: Final = 40
"""Users whose hash is of the default cost."""
CONNECTIONS: Final = 48


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    Attributes:
        traffic: its name among the requests of a place.
        connections: that send at the same time.
        seconds: for one round.
    """

    traffic: str
    connections: int
    seconds: float


SUBJECTS: Final = {
    "protect, one connection": Subject("protect", 1, 1.5),
    f"protect, {CONNECTIONS} connections": Subject("protect", CONNECTIONS, 1.5),
    "login, a cheap hash": Subject("login", 1, 1.5),
    "login, bcrypt with cost 12": Subject("dear login", 1, 3.0),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A server before a filled database, and what is sent to it."""

    process: ServerProcess
    traffic: dict[str, Traffic]

    def p50(self, subject: Subject) -> float:
        """Milliseconds."""
        outcome = drive(
            self.process.port, self.traffic[subject.traffic], connections=subject.connections, seconds=subject.seconds
        )
        if outcome.wrong:
            sys.exit(f"{outcome.wrong} of {outcome.requests} answers to {subject.traffic} were wrong")
        return outcome.p50 * 1e3


def run(*, quick: bool) -> Iterator[Outcome]:
    """One outcome a database: seven rounds with a million users, or one with ten thousand, whose ratio says little."""
    key, users, rounds = SigningKey(), (10_000 if quick else MANY), (1 if quick else 7)
    for dialect in ("postgres", "sqlite", "mysql"):
        with ExitStack() as end:
            few, many = (end.enter_context(_place(dialect, count, key)) for count in (FEW, users))
            with stay_on(LOAD_CORES):
                measured = _measure(few, many, rounds)
        ratios = {name: round(_ratio(pairs), 2) for name, pairs in measured.items()}
        figures = {"users": f"{users:,}", **ratios, **_medians(measured)}
        yield Outcome("growth", dialect, held=quick or max(ratios.values()) <= MOST, figures=figures)


def _measure(few: Place, many: Place, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """The p50 with few and with many users, for each round; who is first changes."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SUBJECTS}
    for number in range(rounds):
        for name, subject in SUBJECTS.items():
            if number % 2:
                at_many = many.p50(subject)
                pair = few.p50(subject), at_many
            else:
                pair = few.p50(subject), many.p50(subject)
            found[name].append(pair)
            print(f"round {number + 1}  {name:30} {pair[0]:9.3f} {pair[1]:9.3f} ms", file=sys.stderr, flush=True)
    return found


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(many / few for few, many in pairs)


def _medians(rounds: dict[str, list[tuple[float, float]]]) -> dict[str, str]:
    """What the ratios are made of, in milliseconds."""
    return {
        f"{name}, p50 ms": " and ".join(f"{statistics.median(pair[which] for pair in pairs):.3f}" for which in (0, 1))
        for name, pairs in rounds.items()
    }


@contextmanager
def _place(dialect: str, users: int, key: SigningKey) -> Iterator[Place]:
    made = asyncio.run(databases.create(dialect))
    chance = random.Random(users)
    dear = [chance.randrange(users) for _ in range(DEAR)]
    try:
        begun = time.monotonic()
        asyncio.run(_filled(made, Crowd(users), dear))
        print(
            f"{dialect}: {users:,} users are there after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True
        )
        with ServerProcess("server_sentri", {"auth": _options(made.url, key), "cheap_hashes": True}) as process:
            traffic = _traffic(users, key, dear, chance)
            outcome = drive(process.port, traffic.pop("warm-up"), connections=CONNECTIONS)
            if outcome.wrong:
                sys.exit(f"{outcome.wrong} of {outcome.requests} protected requests were refused")
            yield Place(process, traffic)
    finally:
        asyncio.run(made.drop())


async def _filled(made: databases.Database, crowd: Crowd, dear: list[int]) -> None:
    await made.migrate()
    database = Database(read_database(made.url), timeout=900)
    await database.open()
    await fill(database, crowd, _hash(4))
    update, hashed = database.driver.sql("UPDATE sentri_users SET password_hash = ? WHERE id = ?"), _hash(12)
    for number in dear:
        await database.call(_running(update, hashed, user_id(number)))
    await database.close()


def _running(sql: str, *values: object) -> Callable[[Any], Any]:
    return lambda session: session.run(sql, *values)


def _hash(rounds: int) -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds)).decode()


def _options(url: str, key: SigningKey) -> dict[str, Any]:
    return {
        "db": url,
        "algorithm": "RS256",
        "secret": key.pem,
        "valid_roles": ["user"],
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "salt_rounds": 10,
        "trusted_proxies": ["127.0.0.1"],  # so that addresses of logins are remembered, as in production
    }


def _traffic(users: int, key: SigningKey, dear: list[int], chance: random.Random) -> dict[str, Traffic]:
    sessions = Crowd(users).sessions
    drawn = chance.sample(range(sessions), min(TOKENS, sessions))
    owners = [Owner(user_id(n % users), session_id(n), _identifier(n % users)) for n in drawn]
    protected = [get("/profile", token) for token in key.tokens(owners)]
    avoided = set(dear)
    cheap = [number for number in chance.sample(range(users), min(LOGINS, users)) if number not in avoided]
    return {
        "warm-up": Once(protected, len(protected)),
        "protect": InTurn(protected),
        "login": InTurn(map(_login, cheap)),
        "dear login": InTurn(map(_login, dear)),
    }


def _login(number: int) -> bytes:
    address = f"198.51.{number // 256 % 256}.{number % 256}"
    return post("/auth/login", {"identifier": _identifier(number), "password": PASSWORD}, {"X-Forwarded-For": address})


def _identifier(number: int) -> str:
    return f"user-{number}@example.com"
