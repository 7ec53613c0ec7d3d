"""Rolling restarts under load, one after the other, with a migration in the first: which request failed?

Four `sentri serve` on one database and one Redis behind a balancer. In a round each is stopped by SIGTERM and
replaced: in the first by the next version, which migrates, then in turns by this one and the next. The machinery is
that of tests/processes/test_rolling_restart.py, which does one round.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import redis

from benchmarks import databases
from benchmarks.soaking.outcome import Outcome
from tests.processes.rolling import ROOT, Deployment, Load, next_version
from tests.redis_servers import REDIS

USERS: Final = 6
BETWEEN: Final = 300  # answers between one replacement and the next


def run(*, quick: bool) -> Iterator[Outcome]:
    """One outcome a database: five rounds, or one."""
    for dialect in ("postgres", "mysql"):
        figures = asyncio.run(measure(dialect, 1 if quick else 5))
        yield Outcome("rolling", dialect, held=figures["failed requests"] == 0, figures=figures)


async def measure(dialect: str, rounds: int) -> Mapping[str, Any]:
    """Figures of so many rounds on a database of this run's own."""
    database = await databases.create(dialect)
    namespace = f"sentri-soak-{os.getpid()}-{secrets.token_hex(4)}"
    settings = {
        "SENTRI_DATABASE_URL": database.url,
        "SENTRI_KEY_ENCRYPTION_SECRET": "a secret that encrypts keys, of more than 32 bytes",
        "SENTRI_SALT_ROUNDS": "10",
        "SENTRI_REDIS_URL": REDIS,
        "SENTRI_NAMESPACE": namespace,
    }
    try:
        with tempfile.TemporaryDirectory() as folder:
            return await _restarts(Path(folder), dialect, settings, rounds)
    finally:
        await database.drop()
        with redis.Redis.from_url(REDIS) as client:
            for key in client.scan_iter(f"{namespace}*", count=1000):
                client.delete(key)


async def _restarts(folder: Path, dialect: str, settings: Mapping[str, str], rounds: int) -> dict[str, Any]:
    new = next_version(folder / "next", dialect)
    deployment = Deployment(settings, folder)
    async with deployment.running():
        load = Load(deployment.balancer.port)
        began = time.monotonic()
        async with load.running(USERS):
            for number in range(rounds):
                await deployment.replace(ROOT if number % 2 else new, lambda: load.more(BETWEEN))
        lasted = time.monotonic() - began
    for failure in load.failures:
        print(failure, file=sys.stderr)
    return {
        "processes replaced": len(deployment.stops),
        "requests": load.answers.total(),
        "failed requests": len(load.failures),
        "longest answer": f"{load.slowest:.2f} s",
        "longest stop": f"{max(deployment.stops):.2f} s",
        "lasted": f"{lasted:.0f} s",
    }
