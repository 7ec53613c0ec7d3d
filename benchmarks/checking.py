"""Does a server answer right? Asked before it is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

from benchmarks.credentials import PASSWORD, owners, tampered
from benchmarks.stage import Stage

__all__ = ["WrongAnswer", "check_bare", "check_idempotency", "check_login", "check_protected", "check_rotation"]

ORDER = {"product": "a book", "amount": 3, "currency": "EUR", "note": "please wrap it"}


class WrongAnswer(Exception):
    """A server did not do what it is measured for."""


def check_bare(port: int, _: Stage) -> None:
    """It answers, whoever asks."""
    _expect(200, "/profile", ask(port, "GET", "/profile"))
    _expect(201, "/orders", ask(port, "POST", "/orders", ORDER))
    _expect(200, "/auth/refresh", ask(port, "POST", "/auth/refresh", {"refreshToken": "t"}))


def check_protected(port: int, stage: Stage) -> None:
    """The owner of a good token, and nobody with another one or none."""
    good, other = stage.tokens[0], stage.tokens[1]
    body = _expect(200, "a good token", _profile(port, good))
    _same(body["sub"], next(owners(1)).id, "whose token it is")
    mixed = f"{good.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    _expect(401, "a tampered token", _profile(port, tampered(good)))
    _expect(401, "another token's signature", _profile(port, mixed))
    _expect(401, "no token", ask(port, "GET", "/profile"))
    _expect(200, "the good token again", _profile(port, good))


def check_login(port: int, _: Stage) -> None:
    """Tokens for the password, 401 for another one."""
    identifier = next(owners(1)).identifier
    asked = {"identifier": identifier, "password": PASSWORD}
    answer = _expect(200, "a login", ask(port, "POST", "/auth/login", asked))
    _same(type(_data(answer).get("accessToken")), str, "what the access token is")
    _expect(401, "a wrong password", ask(port, "POST", "/auth/login", asked | {"password": PASSWORD[::-1]}))
    _expect(200, "the cheap GET", ask(port, "GET", "/health"))


def check_rotation(port: int, _: Stage) -> None:
    """Each refresh token has a successor; one that was spent long ago is refused, and so is a made-up one."""
    login = {"identifier": next(owners(1)).identifier, "password": PASSWORD}
    chain = [_data(_expect(200, "a login", ask(port, "POST", "/auth/login", login)))["refreshToken"]]
    for _ in range(2):
        chain.append(_data(_expect(200, "a refresh", _refresh(port, chain[-1])))["refreshToken"])
    _same(len(set(chain)), 3, "that tokens rotate")
    _expect(401, "a spent token", _refresh(port, chain[0]))
    _expect(401, "a tampered token", _refresh(port, tampered(chain[-1])))


def check_idempotency(port: int, _: Stage) -> None:
    """A repeat gets the first answer; another request with the same key is refused."""
    first = _order(port, ORDER)
    _expect(201, "a new key", first)
    _same(first[2].get("Idempotent-Replayed"), None, "that it is no replay")
    second = _order(port, ORDER)
    _expect(201, "a repeat", second)
    _same(second[2].get("Idempotent-Replayed"), "true", "that it is a replay")
    _same(second[1], first[1], "the replayed body")
    _expect(422, "another body with the same key", _order(port, ORDER | {"amount": 4}))


Answer = tuple[int, bytes, Mapping[str, str]]


def ask(
    port: int, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Status, body and headers of the answer to one request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    content = None if body is None else json.dumps(body)
    typed = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, content, typed | dict(headers or {}))
    response = connection.getresponse()
    answer = response.status, response.read(), response.headers
    connection.close()
    return answer


def _profile(port: int, token: str) -> Answer:
    return ask(port, "GET", "/profile", headers={"Authorization": f"Bearer {token}"})


def _refresh(port: int, token: str) -> Answer:
    return ask(port, "POST", "/auth/refresh", {"refreshToken": token})


def _order(port: int, body: Mapping[str, Any]) -> Answer:
    return ask(port, "POST", "/orders", body, {"Idempotency-Key": "checked"})


def _data(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an envelope holds; what is written by hand has none."""
    return body.get("data", body)


def _expect(status: int, what: str, answer: Answer) -> Any:
    if answer[0] != status:
        raise WrongAnswer(f"{what} is answered with {answer[0]}, not {status}: {answer[1][:300]!r}")
    return json.loads(answer[1]) if answer[1].startswith(b"{") else None


def _same(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise WrongAnswer(f"{what}: {found!r}, not {expected!r}")
