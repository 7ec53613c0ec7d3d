"""What is sent: requests as bytes, made before they are needed, and a look at each answer."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, cycle
from typing import Any, Final, Protocol

__all__ = ["InTurn", "Keyed", "Once", "Rotating", "Traffic", "get", "post"]

_OK: Final = b"HTTP/1.1 200"
_CREATED: Final = b"HTTP/1.1 201"
_REFRESH_TOKEN: Final = re.compile(rb'"refreshToken": ?"([^"]+)"')


def get(path: str, token: str | None = None) -> bytes:
    """A GET, with a Bearer token where there is one."""
    return _head("GET", path, {} if token is None else {"Authorization": f"Bearer {token}"})


def post(path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes:
    """A POST of a JSON object."""
    content = json.dumps(body).encode()
    described = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return _head("POST", path, described | dict(headers or {})) + content


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Traffic(Protocol):
    def next(self) -> bytes | None:
        """The next request; None when there is none left for now."""
        ...

    def accept(self, answer: bytes) -> bool:
        """Whether the answer is the one that was to be measured."""
        ...


class InTurn:
    """Some requests over and over, each round from where the last one stopped."""

    def __init__(self, requests: Iterable[bytes], status: bytes = _OK) -> None:
        self._requests = cycle(requests)
        self._status = status

    def next(self) -> bytes:
        return next(self._requests)

    def accept(self, answer: bytes) -> bool:
        return answer.startswith(self._status)


class Once:
    """Each request once, so many a round."""

    def __init__(self, requests: Iterable[bytes], each_round: int) -> None:
        self._requests: Iterator[bytes] = iter(requests)
        self._each_round = each_round
        self._left = each_round

    def next(self) -> bytes | None:
        if self._left == 0:
            self._left = self._each_round
            return None
        self._left -= 1
        return next(self._requests)

    def accept(self, answer: bytes) -> bool:
        return answer.startswith(_OK)


class Keyed:
    """The same POST with idempotency keys: a new one each time, or `keys` of them in turn."""

    def __init__(self, path: str, body: Mapping[str, Any], *, keys: int | None = None) -> None:
        self._before, self._after = post(path, body, {"Idempotency-Key": "KEY"}).split(b"KEY")
        self._keys: Iterator[int] = count() if keys is None else cycle(range(keys))

    def next(self) -> bytes:
        return b"%bkey-%d%b" % (self._before, next(self._keys), self._after)

    def accept(self, answer: bytes) -> bool:
        return answer.startswith(_CREATED)


class Rotating:
    """Refresh tokens: each request spends the one that has waited longest, its answer brings the successor."""

    def __init__(self, path: str, refresh_tokens: Iterable[str]) -> None:
        self._path = path
        self._tokens = deque(refresh_tokens)

    def next(self) -> bytes:
        return post(self._path, {"refreshToken": self._tokens.popleft()})

    def accept(self, answer: bytes) -> bool:
        found = _REFRESH_TOKEN.search(answer)
        if found is None or not answer.startswith(_OK):
            return False
        self._tokens.append(found[1].decode())
        return True
