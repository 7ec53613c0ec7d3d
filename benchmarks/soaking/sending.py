"""Hostile requests by the ten thousand, over a few connections that stay open, each unlike any before."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

__all__ = ["CLIENT_SHARES", "SERVER_SHARES", "Shares", "send"]

_CONNECTIONS: Final = 16
_BODIES: Final = (b"", b"null", b"[" * 2000, b'{"identifier":', b'{"a":1}', b'{"identifier":"\\ud800","password":"x"}')

Wire = bytes
Chance = random.Random


def _request(method: str, path: str, body: bytes = b"", **headers: str) -> Wire:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _token(chance: Chance) -> str:
    """A token that nobody signed, of a key and a session that nobody knows."""
    head = _part({"alg": chance.choice(["HS256", "RS256", "none", "ES256"]), "typ": "at+jwt", "kid": _word(chance)})
    said = {
        "sub": _word(chance),
        "sid": _word(chance),
        "roles": ["admin"],
        "exp": 2**33,
        "iat": 1,
        "jti": _word(chance),
    }
    return f"{head}.{_part(said)}.{_word(chance) * chance.choice([1, 2, 100])}"


def _word(chance: Chance) -> str:
    return f"{chance.getrandbits(128):032x}"


def _address(chance: Chance) -> str:
    return ".".join(str(chance.randrange(256)) for _ in range(4))


def _bad_token(chance: Chance) -> Wire:
    path = chance.choice(["/profile", "/profile", "/auth/me", "/auth/logout-all"])
    method = "POST" if path.endswith("all") else "GET"
    return _request(method, path, Authorization=f"Bearer {_token(chance)}", X_Forwarded_For=_address(chance))


def _bad_cookie(chance: Chance) -> Wire:
    shown = "; ".join(f"{name}={_token(chance)}" for name in ("access_token", "refresh_token", _word(chance)))
    return _request("GET", "/profile", Cookie=shown[:7500])


def _bad_body(chance: Chance) -> Wire:
    path = chance.choice(["/auth/login", "/auth/register", "/auth/refresh"])
    body = chance.choice([*_BODIES, json.dumps({"refreshToken": _token(chance)}).encode()])
    return _request("POST", path, body, Content_Type="application/json")


def _unknown_user(chance: Chance) -> Wire:
    body = json.dumps({"identifier": _word(chance), "password": _word(chance)}).encode()
    return _request("POST", "/auth/login", body, Content_Type="application/json", X_Forwarded_For=_address(chance))


def _wrong_api_key(chance: Chance) -> Wire:
    return _request("POST", "/auth/register", b"{}", X_Api_Key=_word(chance), Forwarded=f"for={_address(chance)}")


def _keyed(chance: Chance) -> Wire:
    """A key that nobody has used: refused by a guard, or kept with its answer."""
    path, kept = chance.choice(["/orders", "/auth/register", "/notes"]), _word(chance)
    return _request("POST", path, kept.encode(), Idempotency_Key=_word(chance), Authorization=f"Basic {kept}")


def _nowhere(chance: Chance) -> Wire:
    return _request(chance.choice(["GET", "DELETE", "PATCH"]), f"/auth/{_word(chance)}?{_word(chance)}")


def _no_http(chance: Chance) -> Wire:
    return f"{_word(chance)} / HTTP/9.9\r\n\r\n".encode()


Shares = Mapping[Callable[[Chance], Wire], int]
"""What is sent → how many of a hundred."""

SERVER_SHARES: Final[Shares] = {
    _bad_token: 34,
    _bad_cookie: 10,
    _bad_body: 15,
    _unknown_user: 2,
    _wrong_api_key: 10,
    _keyed: 20,
    _nowhere: 7,
    _no_http: 2,
}
CLIENT_SHARES: Final[Shares] = {_bad_token: 60, _bad_cookie: 16, _keyed: 20, _nowhere: 2, _no_http: 2}


async def send(port: int, many: int, shares: Shares, *, seed: int) -> Counter[int]:
    """Send so many requests; how often each status came."""
    chance = random.Random(seed)
    makers, weights = list(shares), list(shares.values())
    wanted = (chance.choices(makers, weights)[0](chance) for _ in range(many))
    statuses: Counter[int] = Counter()
    await asyncio.gather(*(_send_in_turn(port, wanted, statuses) for _ in range(_CONNECTIONS)))
    return statuses


async def _send_in_turn(port: int, wanted: Iterator[Wire], statuses: Counter[int]) -> None:
    writer: asyncio.StreamWriter | None = None
    for wire in wanted:
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(wire)
        status, stays = await _answer(reader)
        statuses[status] += 1
        if not stays:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status, and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
    await reader.readexactly(length)
    return int(head[9:12]), "connection: close" not in head and head[9:12] != "400"
