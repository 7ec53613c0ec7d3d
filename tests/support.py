"""What HTTP tests work with: a client that speaks to the endpoints."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.abc import AbstractCookieJar
from aiohttp.test_utils import TestClient, TestServer

from sentri import AuthServer, TokenPair, current_user
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.stores import UserRecord
from sentri.clock import system_clock
from sentri.randomness import new_id
from sentri.server.options import options_of
from sentri.storage import Database, Users
from sentri_testing import assertions
from sentri_testing.hashing import hashing_cheaply
from sentri_testing.users import PASSWORD, PASSWORD_HASH

SECRET = "a secret for tests, of more than sixty-four bytes, which HS512 asks for"


def cheap_server(given: Mapping[str, Any], **more: Any) -> AuthServer:
    """The server of these options, with hashing that takes a millisecond unless they say how much it costs."""
    return AuthServer(hashing_cheaply(options_of(given), given), **more)


class Api:
    """The application under test: an auth server under /auth, beside routes of the test's own.

    Attributes:
        auth: the auth server.
        client: aiohttp's test client of the whole application.
        database: a connection of the test's own to the same database, to look and to meddle.
        carriage: how tokens travel, in headers and bodies ("bearer") or in cookies ("cookie").
    """

    def __init__(
        self,
        auth: AuthServer,
        client: TestClient[web.Request, web.Application],
        database: Database,
        carriage: str = "bearer",
    ) -> None:
        self.auth = auth
        self.client = client
        self.database = database
        self.carriage = carriage

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> ClientResponse:
        """One request, with an access token or without."""
        sent = dict(headers or {})
        if token is not None:
            bearer = self.carriage == "bearer"
            name, value = ("Authorization", f"Bearer {token}") if bearer else ("Cookie", f"access_token={token}")
            sent[name] = value
        return await self.client.request(method, path, json=json, data=data, headers=sent)

    async def post(self, path: str, json: Any = None, **more: Any) -> ClientResponse:
        return await self.call("POST", path, json, **more)

    async def me(self, token: str) -> ClientResponse:
        return await self.call("GET", "/auth/me", token=token)

    async def refresh(self, refresh_token: str) -> ClientResponse:
        if self.carriage == "cookie":
            return await self.post("/auth/refresh", headers={"Cookie": f"refresh_token={refresh_token}"})
        return await self.post("/auth/refresh", {"refreshToken": refresh_token})

    async def login(self, identifier: str, password: str = PASSWORD) -> ClientResponse:
        return await self.post("/auth/login", {"identifier": identifier, "password": password})

    async def user(self, identifier: str | None = None, roles: tuple[str, ...] = ("user",)) -> UserRecord:
        """A user with PASSWORD, written to the database without hashing."""
        name = identifier or f"user-{secrets.token_hex(6)}"
        record = UserRecord(
            id=new_id(),
            identifier=name,
            identifier_key=identifier_key(name),
            password_hash=PASSWORD_HASH,
            roles=roles,
            created_at=system_clock(),
        )
        assert await Users(self.database).add(record)
        return record

    async def session(self, user: UserRecord | None = None, *, roles: tuple[str, ...] = ("user",)) -> TokenPair:
        """The tokens of a new session, of a new user unless one is given."""
        owner = user or await self.user(roles=roles)
        return await self.auth.accounts.start_session(owner.id)

    async def disable(self, user_id: str) -> None:
        """Disable a user behind the server's back."""
        text = {
            "postgres": ("now()", "$1"),
            "mysql": ("now(6)", "%s"),
            "sqlite": ("'2020-01-01 00:00:00.000000+00:00'", "?"),
        }
        now, mark = text[self.database.dialect]

        async def work(session: Any) -> int:
            return await session.run(f"UPDATE sentri_users SET disabled_at = {now} WHERE id = {mark}", user_id)

        assert await self.database.unit(work) == 1


async def data_of(response: ClientResponse, status: int = 200) -> Any:
    """The `data` of a success, after a look at its envelope; with the refresh token, if it came as a cookie."""
    data = await assertions.assert_envelope(response, status)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "application/json"
    cookie = response.cookies.get("refresh_token")
    if cookie is not None and cookie.value:
        assert "refreshToken" not in data, "with a cookie the refresh token never travels in a body"
        data["refreshToken"] = cookie.value
    return data


async def assert_error(response: ClientResponse, status: int, code: str) -> dict[str, Any]:
    """The envelope of a failure; a 401 carries its challenge."""
    assert response.headers["Content-Type"] == "application/json"
    return await assertions.assert_error(response, code, status=status)


async def profile(request: web.Request) -> web.Response:
    """A handler for the host's routes."""
    return web.json_response(current_user(request).to_dict())


def host_application(auth: AuthServer) -> web.Application:
    """A host with `GET /profile`, protected."""
    app = web.Application(middlewares=[auth.error_middleware()])
    app.add_subapp("/auth", auth.app())
    app.router.add_get("/profile", auth.protect(profile))
    return app


def serving(app: web.Application, jar: AbstractCookieJar | None = None) -> TestClient[web.Request, web.Application]:
    """The client of an application that starts when it is entered, with `async with`."""
    return TestClient(TestServer(app), cookie_jar=jar)


def held_after(monkeypatch, store, name):
    """Holds a store's answers up once it has done what it was asked; whether it has, and what lets it answer."""
    real, done, go_on = getattr(store, name), asyncio.Event(), asyncio.Event()

    async def held(self, *given, **more):
        result = await real(self, *given, **more)
        done.set()
        await go_on.wait()
        return result

    monkeypatch.setattr(store, name, held)
    return done, go_on
