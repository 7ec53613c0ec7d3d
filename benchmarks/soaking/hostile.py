"""Memory stays flat over 100,000 hostile requests: bad tokens, cookies and bodies, logins of nobody, wrong API keys,
spoofed addresses, unknown idempotency keys, unknown paths, and what is no HTTP.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.processes import ServerProcess
from benchmarks.soaking.outcome import Outcome
from benchmarks.soaking.sending import CLIENT_SHARES, SERVER_SHARES, Shares, send

__all__ = ["GROWTH", "MIB", "SHARES", "run", "serving", "soak"]

MIB: Final = 1024 * 1024
GROWTH: Final = 4 * MIB
"""Bytes that the process may have grown by after the warm-up. A leak of 100 bytes a request would be 8 MiB."""

SHARES: Final[Mapping[str, Shares]] = {"server": SERVER_SHARES, "client": CLIENT_SHARES}

_SECRET: Final = "a secret for the long run, of more than thirty-two bytes"
_SERVER: Final[dict[str, Any]] = {
    "db": "sqlite://:memory:",
    "algorithm": "RS256",
    "key_encryption_secret": _SECRET,
    "valid_roles": ["user", "admin"],
    "salt_rounds": 10,
    "api_key": "an API key for the long run, of more than thirty-two bytes",
    "cookie": {},
    "access_cookie": {},
}


def run(*, quick: bool) -> Iterator[Outcome]:
    """Both modes, one after the other."""
    total = 5_000 if quick else 100_000
    for mode, shares in SHARES.items():
        with serving(mode) as server:
            yield soak(server, f"{mode} mode", total, shares)


@contextmanager
def serving(mode: str, *, leaks: int = 0) -> Iterator[ServerProcess]:
    """A server to send requests to. It loses `leaks` bytes at each, to see whether that is noticed."""
    with ServerProcess("soaked_server", {"mode": "server", "auth": _SERVER, "leaks": leaks}) as server:
        if mode == "server":
            yield server
            return
        trusts = {"key_uri": f"http://127.0.0.1:{server.port}/auth/keys", "access_cookie": {}}
        with ServerProcess("soaked_server", {"mode": "client", "auth": trusts, "leaks": leaks}) as client:
            yield client


def soak(server: ServerProcess, subject: str, total: int, shares: Shares, *, growth: int = GROWTH) -> Outcome:
    """Send the requests to a running server; a fifth of them warms it up."""
    warm_up = total // 5
    statuses: Counter[int] = asyncio.run(send(server.port, warm_up, shares, seed=1))
    resident = [server.resident_bytes()]
    for quarter in range(4):
        statuses += asyncio.run(send(server.port, (total - warm_up) // 4, shares, seed=2 + quarter))
        resident.append(server.resident_bytes())
    grown = resident[-1] - resident[0]
    figures = {
        "requests": statuses.total(),
        "RSS after the warm-up": _mib(resident[0]),
        "at each quarter": ", ".join(map(_mib, resident[1:])),
        "grown by": _mib(grown),
        "at most": _mib(growth),
        "5xx": sum(many for status, many in statuses.items() if status >= 500 and status != 503),
        "503": statuses[503],
        "statuses": " ".join(f"{status}*{many}" for status, many in sorted(statuses.items())),
    }
    return Outcome("hostile", subject, held=grown <= growth and not figures["5xx"], figures=figures)


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
