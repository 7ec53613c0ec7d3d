"""A test client that is logged in, to any application that has an auth object."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Any, Final, Literal, get_args
from weakref import WeakKeyDictionary

from aiohttp import hdrs, web
from aiohttp.test_utils import BaseTestServer, TestClient, TestServer
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict
from yarl import URL

from sentri.client.auth import AuthClient
from sentri.identity import AuthUser
from sentri.web.auth import Auth
from sentri_testing.cookie_jar import BrowserJar
from sentri_testing.finding import AnyAuth, auth_of, known_auth
from sentri_testing.inside import access_cookie_of, clock_of
from sentri_testing.logins import Issuer, Login, Who, log_in
from sentri_testing.users import SavedUser

__all__ = ["Carriage", "LoggedInClient", "as_user"]

Carriage = Literal["bearer", "cookie"]
"""How a client carries its tokens: in headers and bodies, or in cookies as a browser does."""

AnyClient = TestClient[web.Request, web.Application]

_NOT_SHARED: Final = (hdrs.AUTHORIZATION, hdrs.COOKIE)


def as_user(
    client: AnyClient,
    *,
    roles: Iterable[str] | None = None,
    identifier: str | None = None,
    user: SavedUser | AuthUser | None = None,
    carriage: Carriage = "bearer",
    auth: Auth | None = None,
    issuer: Issuer | None = None,
) -> LoggingIn:
    """A client of the same application that is logged in.

    `alice = await as_user(client, roles=["admin"])`, or `async with as_user(client) as alice:`, which closes it too.

    In server mode a user is made in the auth server's database, and a session is started. In client mode the token
    comes from the running `FakeAuthServer` that the application's `key_uri` names. Each has its own cookies.

    Args:
        client: aiohttp's test client of the application, started.
        roles: of the new user; `("user",)` by default, where that is a valid role.
        identifier: of the new user; by default one that nobody else has.
        user: one who is there already, in place of a new one.
        carriage: `"bearer"`, or `"cookie"`: both cookies as far as they are configured, and what a browser says beside.
        auth: the auth object, where the application has several.
        issuer: client mode: who issues the token, where that is not the server of `key_uri`.

    Raises:
        LookupError: no auth object was found, or several, or no `FakeAuthServer` runs at the `key_uri`.
        ValueError: roles that do not exist, a carriage that is not configured, arguments that exclude one another.
    """
    return LoggingIn(client, Who.of(user, identifier=identifier, roles=roles), carriage, auth, issuer)


class LoggedInClient(AnyClient):
    """aiohttp's `TestClient`, as one user: every request, stream and WebSocket carries their tokens.

    It shares the server and the connections of the client that it was made from, not its cookies. To close it, or to
    forget to, leaves the server running.

    Attributes:
        user: who it is, as they were when they logged in.
        carriage: how its tokens travel.
    """

    def __init__(self, client: AnyClient, auth: AnyAuth, login: Login, carriage: Carriage) -> None:
        jar = BrowserJar(clock_of(auth), client.make_url("/"))
        super().__init__(
            _BorrowedServer(client.server, client.app),
            cookie_jar=jar,
            connector=client.session.connector,
            connector_owner=False,
            headers=_headers_of(client, login.access_token if carriage == "bearer" else None),
            json_serialize=client.session.json_serialize,
            timeout=client.session.timeout,
            raise_for_status=client.session.raise_for_status,
        )
        self.user = login.user
        self.carriage = carriage
        self._jar = jar
        self._auth = auth
        self._login = login
        if carriage == "cookie" or access_cookie_of(auth) is None:
            jar.update_cookies(login.cookies, client.make_url("/"))

    def __repr__(self) -> str:
        return f"<LoggedInClient {self.user.identifier!r} roles={list(self.user.roles)!r} by {self.carriage}>"

    @property
    def access_token(self) -> str | None:
        """The access token that it sends: in cookies the newest, and None once the browser has none any more."""
        cookie = access_cookie_of(self._auth)
        if self.carriage == "bearer" or cookie is None:
            return self._login.access_token
        return self._jar.value_of(cookie.name, cookie.path)

    @property
    def refresh_token(self) -> str | None:
        """The refresh token of its session, in cookies the newest; None in client mode, which knows no sessions."""
        cookie = self._login.refresh_cookie
        if cookie is None or (self.carriage == "bearer" and access_cookie_of(self._auth) is not None):
            return self._login.refresh_token
        return self._jar.value_of(cookie.name, cookie.path)


class _BorrowedServer(TestServer):
    """A running test server, for a client that must not stop it."""

    def __init__(self, lender: BaseTestServer, app: web.Application) -> None:
        super().__init__(app, scheme=lender.scheme, host=lender.host, port=lender.port)
        self.lender = lender

    @property
    def started(self) -> bool:
        """Whether the lender runs."""
        return self.lender.started

    def make_url(self, path: StrOrURL) -> URL:
        return self.lender.make_url(path)

    async def start_server(self, loop: Any = None, **_: Any) -> None:
        """It runs."""

    async def close(self) -> None:
        """Its owner does that."""


class LoggingIn:
    """What `as_user` gives: awaited, or entered with `async with`, it is a `LoggedInClient`."""

    def __init__(
        self, client: AnyClient, who: Who, carriage: Carriage, auth: Auth | None, issuer: Issuer | None
    ) -> None:
        self._client = client
        self._who = who
        self._carriage = carriage
        self._auth = auth
        self._issuer = issuer
        self._made: LoggedInClient | None = None

    def __await__(self) -> Generator[Any, None, LoggedInClient]:
        return self._log_in().__await__()

    async def __aenter__(self) -> LoggedInClient:
        self._made = await self._log_in()
        return self._made

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            await self._made.close()

    async def _log_in(self) -> LoggedInClient:
        app = _running(self._client)
        auth = auth_of(app) if self._auth is None else known_auth(self._auth)
        _check_carriage(self._carriage, auth)
        made = LoggedInClient(self._client, auth, await log_in(auth, self._who, self._issuer), self._carriage)
        _MADE.setdefault(self._client, []).append(made)
        return made


_MADE: Final[WeakKeyDictionary[AnyClient, list[LoggedInClient]]] = WeakKeyDictionary()
"""Clients that nobody closes live as long as the one that they were made from, whose end closes their connections."""


def _running(client: AnyClient) -> web.Application:
    if not isinstance(client, TestClient):
        raise TypeError(f"as_user takes aiohttp's TestClient of the application; this is a {type(client).__name__}")
    if not isinstance(client.app, web.Application):
        raise TypeError(f"as_user takes the TestClient of a web.Application; this one has a {type(client.server)}")
    if not client.server.started:
        raise RuntimeError("the client's server does not run yet: async with TestClient(TestServer(app)) as client: …")
    return client.app


def _check_carriage(carriage: object, auth: AnyAuth) -> None:
    if carriage not in get_args(Carriage):
        raise ValueError(f"carriage is {carriage!r}; it is one of {', '.join(map(repr, get_args(Carriage)))}")
    if carriage == "cookie" and access_cookie_of(auth) is None:
        both = "access_cookie={}" if isinstance(auth, AuthClient) else "cookie={}, access_cookie={}"
        raise ValueError(
            f"{auth!r} has no access cookie, so no browser could be logged in to it by cookies. Give its create_auth "
            f"{both}, or log in by carriage='bearer'"
        )


def _headers_of(client: AnyClient, bearer: str | None) -> CIMultiDict[str]:
    """Those that the client sends by default too, but nothing that tells who it is."""
    headers = CIMultiDict(client.session.headers)
    for name in _NOT_SHARED:
        headers.popall(name, None)
    headers.add(*((hdrs.AUTHORIZATION, f"Bearer {bearer}") if bearer else ("Sec-Fetch-Site", "same-origin")))
    return headers
