"""What servers need around them: made when a case first asks for it, gone when the run ends."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import cycle
from typing import Any, Final, Self, TypeVar

import bcrypt
import redis

import sentri
from benchmarks import databases
from benchmarks.credentials import AUDIENCE, ISSUER, LIFETIME, PASSWORD, SECRET, SigningKey, owners
from benchmarks.databases import Unavailable
from benchmarks.processes import LOAD_CORES, ServerProcess

__all__ = ["FULL", "QUICK", "Sizes", "Stage"]

T = TypeVar("T")
REDIS: Final = os.environ.get("SENTRI_TEST_REDIS", "redis://127.0.0.1:6379/0")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything.

    Attributes:
        rounds: how often each case is measured.
        seconds: for one measurement.
        warm_up: seconds of load before the first round.
        connections: that send requests at the same time, unless a case is about one alone.
        tokens: users, their sessions and their access tokens.
        first_seen: tokens that are sent once, each round.
        chains: refresh tokens that are rotated, in turn.
        login_seconds: for one measurement of logins, of which one takes a fifth of a second.
        salt_rounds: bcrypt's cost.
        waiting: how many logins wait at the same time, one case for each.
    """

    rounds: int = 5
    seconds: float = 2.0
    warm_up: float = 1.5
    connections: int = 48
    tokens: int = 10_000
    first_seen: int = 4_000
    chains: int = 1_000
    login_seconds: float = 4.0
    salt_rounds: int = 12
    waiting: tuple[int, ...] = (6, 8, 600)


FULL: Final = Sizes()
QUICK: Final = Sizes(
    rounds=1,
    seconds=0.05,
    warm_up=0.0,
    connections=4,
    tokens=20,
    first_seen=20,
    chains=8,
    login_seconds=0.2,
    salt_rounds=10,
    waiting=(4,),
)


class Stage:
    """Keys, tokens, databases and the server that publishes the keys. A context manager.

    Args:
        sizes: how much of them.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._end = ExitStack()
        self._databases: dict[str, databases.Database | Unavailable] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def missing(self, need: str) -> str | None:
        """Why a case that needs this is left out here: a database, `redis`, or a package of Python."""
        try:
            if need == "redis":
                self.redis_url  # noqa: B018 - asks whether somebody answers
            elif need in {"postgres", "mysql", "sqlite"}:
                self.database_url(need)
            elif importlib.util.find_spec(need) is None:
                return f"{need} is not installed"
        except Unavailable as reason:
            return str(reason)
        return None

    @cached_property
    def key(self) -> SigningKey:
        """Signs every RS256 token of this run."""
        return SigningKey()

    @cached_property
    def key_uri(self) -> str:
        """Where it is published, with the lifetime that an auth server gives it."""
        process = self._end.enter_context(
            ServerProcess("published_keys", {"keys": self.key.published}, cores=LOAD_CORES)
        )
        return f"http://127.0.0.1:{process.port}/keys"

    @cached_property
    def tokens(self) -> list[str]:
        """An access token of each user."""
        return self.key.tokens(owners(self.sizes.tokens))

    @cached_property
    def unseen_tokens(self) -> list[str]:
        """More of them: enough that one server sees each of them once, in the warm-up and every round."""
        wanted = self.sizes.first_seen * (self.sizes.rounds + 1)
        of = list(owners(self.sizes.tokens))
        return self.key.tokens(of[number % len(of)] for number in range(wanted))

    @cached_property
    def password_hash(self) -> str:
        """Of `PASSWORD`: every user has it."""
        return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(self.sizes.salt_rounds)).decode()

    def database_url(self, dialect: str) -> str:
        """Where `database` is."""
        return self.database(dialect).url

    def database(self, dialect: str) -> databases.Database:
        """One with all users and sessions. Raises `Unavailable`."""
        if dialect not in self._databases:
            try:
                self._databases[dialect] = self._filled(dialect)
            except Unavailable as reason:
                self._databases[dialect] = reason
        found = self._databases[dialect]
        if isinstance(found, Unavailable):
            raise found
        return found

    def _filled(self, dialect: str) -> databases.Database:
        made = asyncio.run(databases.create(dialect))
        self._end.callback(lambda: asyncio.run(made.drop()))
        asyncio.run(made.fill(list(owners(self.sizes.tokens)), self.password_hash))
        return made

    @cached_property
    def redis_url(self) -> str:
        """A Redis that answers. Raises `Unavailable`."""
        client = redis.Redis.from_url(REDIS, socket_connect_timeout=2)
        try:
            client.ping()
        except redis.RedisError as error:
            raise Unavailable(f"no Redis answers: {error}") from None
        self._end.callback(self._forget, client)
        return REDIS

    @cached_property
    def redis_prefix(self) -> str:
        """What every key of this run begins with."""
        return f"sentri-bench-{secrets.token_hex(4)}"

    def _forget(self, client: redis.Redis) -> None:
        with client:
            for keys in _batches(client.scan_iter(match=f"{self.redis_prefix}*", count=1000), 1000):
                client.delete(*keys)

    # --- server mode

    def server_options(self, dialect: str, algorithm: str) -> dict[str, Any]:
        """Those of `sentri.create_auth`, as JSON."""
        return {
            "db": self.database_url(dialect),
            "algorithm": algorithm,
            "secret": SECRET if algorithm == "HS256" else self.key.pem,
            "valid_roles": ["user"],
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "salt_rounds": self.sizes.salt_rounds,
            "max_hash_wait": "1h",  # as the code by hand: whoever waits is answered some day
        }

    def sessions(self, dialect: str, algorithm: str) -> list[str]:
        """Refresh tokens of new sessions, in a server with these options."""

        async def start() -> list[str]:
            async with sentri.create_auth(**self.server_options(dialect, algorithm)) as auth:
                pairs = [await auth.accounts.start_session(owner.id) for owner in owners(self.sizes.chains)]
            return [pair.refresh_token for pair in pairs]

        return asyncio.run(start())

    def by_hand_options(self, algorithm: str) -> dict[str, Any]:
        """Those of `accounts_by_hand`."""
        key = SECRET if algorithm == "HS256" else self.key.pem
        return {"db": self.database_url("postgres"), "algorithm": algorithm, "secret": key}

    def sessions_by_hand(self) -> list[str]:
        """Refresh tokens of the sessions that are there already, for `accounts_by_hand`."""
        tokens = [secrets.token_urlsafe(32) for _ in range(self.sizes.chains)]
        end = datetime.now(UTC) + timedelta(seconds=LIFETIME)
        rows = [
            (sha256(token.encode()).digest(), owner.session_id, end)
            for token, owner in zip(tokens, cycle(owners(self.sizes.tokens)), strict=False)
        ]
        columns = ("token_hash", "session_id", "expires_at")
        asyncio.run(self.database("postgres").insert("bench_refresh", columns, rows))
        return tokens


def _batches(values: Iterator[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def sized(sizes: Sizes, **given: Any) -> Sizes:
    """The sizes, with those that somebody asked for."""
    return replace(sizes, **{name: value for name, value in given.items() if value is not None})
