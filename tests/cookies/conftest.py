"""Cookies ask the same of every database, so these tests run on SQLite; a few ask for all three.

    site = await start()                                 an application with both cookies
    pair = await site.log_in()                           tokens of a new session
    response = await site.send("GET", "/profile", shown(pair))
    cookies_of(response)["access_token"].value

No cookie jar: a test says which cookies a request shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse, DummyCookieJar, web
from multidict import CIMultiDict

from sentri import AuthServer, SentriError, TokenPair
from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.storage import Sessions
from sentri_testing import ManualClock
from tests.databases import chosen
from tests.support import Api, profile, serving

EXPIRED = 16 * 60
"""Seconds after which an access token is expired, and a refresh token is not."""
BOTH = {"refresh_token", "access_token"}
DATABASES = pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"], indirect=True)
DEFAULT_ATTRIBUTES = {
    "refresh_token": {"path": "/", "secure": "", "httponly": "", "samesite": "Strict"},
    "access_token": {"path": "/", "secure": "", "samesite": "Strict"},
}
IN_TIME = {"max-age", "expires"}


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """SQLite, unless the test is marked with DATABASES."""
    return chosen(request.param)


@dataclass(frozen=True)
class SetCookie:
    """What one `Set-Cookie` header says; the names of attributes in lower case."""

    value: str
    attributes: Mapping[str, str]

    @property
    def is_cleared(self) -> bool:
        return self.value in {"", '""'} and self.attributes["max-age"] == "0"

    @property
    def kept(self) -> dict[str, str]:
        """The attributes that browsers compare, without those that say how long."""
        return {name: value for name, value in self.attributes.items() if name not in IN_TIME}


def cookies_of(response: ClientResponse) -> dict[str, SetCookie]:
    """What a response sets or clears, by name; a name that comes twice is a mistake."""
    return read_cookies(response.headers.getall("Set-Cookie", []))


def read_cookies(headers: list[str]) -> dict[str, SetCookie]:
    found: dict[str, SetCookie] = {}
    for header in headers:
        (name, value), *attributes = [part.partition("=")[::2] for part in header.split("; ")]
        assert name not in found, f"{name} is set twice"
        found[name] = SetCookie(value, {key.lower(): text for key, text in attributes})
    return found


def shown(pair: TokenPair | None = None, **values: str) -> str:
    """A `Cookie` header with the tokens of a pair, or with other cookies."""
    named = {} if pair is None else {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
    return "; ".join(f"{name}={value}" for name, value in {**named, **values}.items())


def taken(response: ClientResponse) -> str:
    """The `Cookie` header that a browser sends after this response."""
    return shown(None, **{name: cookie.value for name, cookie in cookies_of(response).items()})


@dataclass
class Site:
    """A running application, and what its database says."""

    api: Api
    clock: ManualClock

    @property
    def auth(self) -> AuthServer:
        return self.api.auth

    async def log_in(self, user: UserRecord | None = None) -> TokenPair:
        return await self.api.session(user)

    async def expired(self) -> TokenPair:
        """The tokens of a session whose access token has expired."""
        pair = await self.log_in()
        self.clock.advance(EXPIRED)
        return pair

    async def send(
        self,
        method: str,
        path: str,
        cookies: str = "",
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> ClientResponse:
        """One request with these cookies and headers and no others; its body is read."""
        sent = CIMultiDict(headers or {})
        if cookies:
            sent.add("Cookie", cookies)
        response = await self.api.client.request(method, path, json=json, headers=sent, allow_redirects=False)
        await response.read()
        return response

    async def session(self, pair: TokenPair) -> SessionRecord | None:
        """What the database holds of the pair's session."""
        found = await Sessions(self.api.database, self.clock).read(str(pair.user.session_id))
        return found and found[0]

    async def rotations(self, pair: TokenPair) -> int:
        """How often the session was rotated since it gave this pair: 0, 1, or 2 for more often."""
        session = await self.session(pair)
        assert session is not None, "the session has ended"
        jti = self.auth.verify_refresh_token(pair.refresh_token).jti
        return {session.jti: 0, session.previous_jti: 1}.get(jti, 2)


def nothing(auth: AuthServer, app: web.Application) -> None:
    """The `wire` of an application without routes of the test's own."""


@pytest.fixture
async def start(make_auth, database, clock) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """A function that starts an application with `/profile`, both cookies, and what `wire(auth, app)` adds.

    `middlewares` is a function of the auth object; by default there is the error middleware.
    """
    async with AsyncExitStack() as running:

        async def make(
            wire: Callable[[AuthServer, web.Application], Any] = nothing,
            *,
            middlewares: Callable[[AuthServer], list[Any]] = lambda auth: [auth.error_middleware()],
            **options: Any,
        ) -> Site:
            auth = make_auth(**{"cookie": {}, "access_cookie": {}} | options)
            app = web.Application(middlewares=middlewares(auth))
            app.add_subapp("/auth", auth.app())
            for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
                app.router.add_route(method, "/profile", auth.protect(profile))
            wire(auth, app)
            client = await running.enter_async_context(serving(app, DummyCookieJar()))
            return Site(Api(auth, client, database), clock)

        yield make


@pytest.fixture
async def site(start) -> Site:
    """The application with the default options."""
    return await start()


async def no_database(*_: object, **__: object) -> Any:
    """Takes the place of a store's method while the database is down."""
    raise SentriError("SERVICE_UNAVAILABLE", "The database does not answer.")
