"""Whether the time of a refused login tells why: an unknown user, a wrong password, a malformed hash.

python -m benchmarks.login_timing [LOGINS]

All three in turns, over HTTP, one at a time. Where an attacker could tell them apart, the medians would differ by more
than those of the two halves of one kind.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from time import perf_counter
from typing import Final

import bcrypt

from benchmarks import databases
from benchmarks.credentials import AUDIENCE, ISSUER, PASSWORD, SECRET, owner
from benchmarks.processes import ServerProcess
from benchmarks.reporting import markdown

ROUNDS: Final = 10
KNOWN, BROKEN, UNKNOWN = (owner(number) for number in range(3))
KINDS: Final = {"wrong password": KNOWN, "malformed hash": BROKEN, "unknown user": UNKNOWN}


def main() -> None:
    logins = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    database = asyncio.run(databases.create("sqlite"))
    try:
        asyncio.run(_fill(database))
        options = {
            "db": database.url,
            "algorithm": "HS256",
            "secret": SECRET,
            "valid_roles": ["user"],
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "salt_rounds": ROUNDS,
            "rate_limit": False,
        }
        with ServerProcess("server_sentri", {"auth": options}) as server:
            taken = _measure(server.port, logins)
    finally:
        asyncio.run(database.drop())
    print(f"bcrypt with cost {ROUNDS}, {logins} logins of each kind, in turns; milliseconds\n")
    head = ("", "median", "of the first half", "of the second", "p10", "p90")
    print(markdown(head, [(name, *_figures(times)) for name, times in taken.items()]))


async def _fill(database: databases.Database) -> None:
    await database.migrate()
    await database.add([KNOWN], bcrypt.hashpw(b"the right one", bcrypt.gensalt(ROUNDS)).decode())
    await database.add([BROKEN], "$2b$10$ no hash at all")


def _measure(port: int, logins: int) -> dict[str, list[float]]:
    connection = HTTPConnection("127.0.0.1", port)
    taken: dict[str, list[float]] = {name: [] for name in KINDS}
    for number in range(logins + 5):
        for name, who in KINDS.items():
            body = json.dumps({"identifier": who.identifier, "password": PASSWORD})
            begun = perf_counter()
            connection.request("POST", "/auth/login", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            if response.status != 401:
                sys.exit(f"{name}: {response.status}")
            if number >= 5:  # the first ones open things
                taken[name].append((perf_counter() - begun) * 1e3)
    return taken


def _figures(times: Sequence[float]) -> list[str]:
    half = len(times) // 2
    tenths = statistics.quantiles(times, n=10)
    medians = (statistics.median(some) for some in (times, times[:half], times[half:]))
    return [f"{value:.2f}" for value in (*medians, tenths[0], tenths[-1])]


if __name__ == "__main__":
    main()
