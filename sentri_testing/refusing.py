"""Sending every hostile token to a route of one's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from aiohttp import ClientResponse, hdrs, web
from aiohttp.test_utils import TestClient

from sentri.client.auth import AuthClient
from sentri_testing.finding import AnyAuth, auth_of
from sentri_testing.hostile import HOSTILE_TOKENS, HostileToken
from sentri_testing.inside import access_cookie_of, clock_of, leeway_of, signing_key_of
from sentri_testing.issuer import FakeAuthServer
from sentri_testing.keys import TestKey
from sentri_testing.logged_in import Carriage, as_user
from sentri_testing.logins import Issuer, issuer_of
from sentri_testing.minting import Mint

__all__ = ["assert_route_refuses_hostile_tokens"]

_TOO_LARGE: Final = 4096
"""Characters. Longer ones may be too much for the server's headers: 400 or 431 is an answer, too."""

_IN_COOKIES: Final = re.compile(r"[A-Za-z0-9._=+/-]+")
_REMEDIES: Final = {
    401: "The application does not accept a token of its own auth object: is it the one that guards the route?",
    403: "Give the roles that the route asks for: roles=[…].",
    404: "There is no such route.",
    405: "The route is for another method: method=….",
}

Client = TestClient[web.Request, web.Application]


@dataclass(frozen=True)
class _Route:
    """Where tokens are sent, and how."""

    client: Client
    method: str
    path: str
    json: Any
    cookie: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    async def ask(self, token: str | None) -> ClientResponse:
        headers = {} if token is None else self._carrying(token)
        # No redirect is followed: what a page for the login answers with is no refusal of this route.
        response = await self.client.request(
            self.method, self.path, json=self.json, headers=headers, allow_redirects=False
        )
        await response.read()
        return response

    def _carrying(self, token: str) -> dict[str, str]:
        if self.cookie is None:
            return {hdrs.AUTHORIZATION: f"Bearer {token}"}
        return {hdrs.COOKIE: f"{self.cookie}={token}", "Sec-Fetch-Site": "same-origin"}


async def assert_route_refuses_hostile_tokens(
    client: Client,
    path: str,
    *,
    method: str = "GET",
    roles: Iterable[str] | None = None,
    carriage: Carriage = "bearer",
    json: Any = None,
    auth: AnyAuth | None = None,
    issuer: Issuer | None = None,
) -> None:
    """Send every token of `HOSTILE_TOKENS` that travels to a route of your own; each has to be refused with 401.

    Before that the route has to refuse a request without a token, and to let a good one in: nothing passes here because
    nothing gets through. Where the refusal is sentri's envelope, its code is compared, too.

    Args:
        client: aiohttp's test client of the application.
        path: the route, with what it needs in place of its parameters.
        method: of the request.
        roles: those that the good user needs.
        carriage: `"bearer"` or `"cookie"`.
        json: a body, for routes that need one.
        auth: the auth object, where the application has several.
        issuer: client mode: who issues the tokens, where that is not the server of `key_uri`.

    Raises:
        AssertionError: one message with everything that was not refused as it should be; never a token.
    """
    __tracebackhide__ = True  # its frames, with a good token in them, are nothing for a test's output
    found = auth or auth_of(_application(client))
    route = _Route(client, method, path, json, _cookie_name(found, carriage))
    await _check_open(route)
    async with as_user(client, roles=roles, carriage=carriage, auth=found, issuer=issuer) as user:
        good = str(user.access_token)
    await _check_good(route, good)
    mint = Mint.of(good, await _key(found, issuer), clock_of(found)(), leeway=leeway_of(found))
    wrong = [finding async for finding in _findings(route, mint, found)]
    if wrong:
        raise AssertionError(f"{route} did not refuse {len(wrong)} hostile tokens as it should:\n" + "\n".join(wrong))


def _application(client: Client) -> web.Application:
    if not isinstance(client.app, web.Application):
        raise TypeError("assert_route_refuses_hostile_tokens takes the TestClient of a web.Application")
    return client.app


def _cookie_name(auth: AnyAuth, carriage: Carriage) -> str | None:
    cookie = access_cookie_of(auth)
    return cookie.name if carriage == "cookie" and cookie is not None else None


async def _key(auth: AnyAuth, issuer: Issuer | None) -> TestKey:
    source = issuer_of(auth, issuer) if isinstance(auth, AuthClient) else auth
    if isinstance(source, FakeAuthServer):
        return source.signing_key
    return TestKey(await signing_key_of(source))


async def _check_open(route: _Route) -> None:
    __tracebackhide__ = True
    response = await route.ask(None)
    if response.status == 401:
        return
    if response.status in (404, 405):
        raise AssertionError(f"{route} gives {response.status}. {_REMEDIES[response.status]}")
    raise AssertionError(
        f"{route} gives {response.status} without a token, and not 401: no guard protects it. Put @auth.protect on its "
        "handler, below the decorator that makes it a route."
    )


async def _check_good(route: _Route, good: str) -> None:
    __tracebackhide__ = True
    response = await route.ask(good)
    if response.status in _REMEDIES or response.status >= 500:
        remedy = _REMEDIES.get(response.status, "A handler that fails tells nothing of its guard.")
        raise AssertionError(f"{route} gives {response.status} to a good token. {remedy}")


async def _findings(route: _Route, mint: Mint, auth: AnyAuth) -> Any:
    for token in _sent(mint.algorithm):
        text = token.build(replace(mint, now=clock_of(auth)()))
        if route.cookie is not None and not _IN_COOKIES.fullmatch(text):
            continue
        finding = await _finding(await route.ask(text), token, length=len(text))
        if finding:
            yield f"  {token.tries} ({token.source}): {finding}"


def _sent(algorithm: str) -> Iterator[HostileToken]:
    return (token for token in HOSTILE_TOKENS.values() if token.travels and token.is_for(algorithm))


async def _finding(response: ClientResponse, token: HostileToken, *, length: int) -> str:
    """What is wrong with the answer; nothing where it is right."""
    if length > _TOO_LARGE and response.status in (400, 431):
        return ""
    if response.status != 401:
        return f"got {response.status} in place of 401 {token.code}"
    code = await _code(response)
    return "" if code in (None, token.code) else f"got 401 {code} in place of {token.code}"


async def _code(response: ClientResponse) -> Any:
    """The code of sentri's envelope; None where the answer is none."""
    try:
        body = await response.json(content_type=None)
    except ValueError:
        return None
    return body.get("code") if isinstance(body, dict) and body.get("error") is True else None
