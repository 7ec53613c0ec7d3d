"""Client mode against an auth server of another make, over real HTTP; it needs no database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse, DummyCookieJar, web
from aiohttp.test_utils import TestClient

from sentri import AuthClient, current_user
from sentri.client.auth import client_of_options
from sentri.clock import Clock, system_clock
from sentri_testing import ManualClock
from tests.client.issuing import Issuer, running
from tests.support import serving


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """A running auth server."""
    async with running(Issuer()) as (one,):
        yield one


@pytest.fixture
def timer() -> ManualClock:
    """What the clients of `make_auth` measure the age of their keys with."""
    return ManualClock()


@pytest.fixture
def make_auth(issuer, timer) -> Callable[..., AuthClient]:
    """A client of the issuer, with any options."""

    def make(*, clock: Clock = system_clock, **options: Any) -> AuthClient:
        return client_of_options({"key_uri": issuer.key_uri, **options}, clock=clock, timer=timer)

    return make


@dataclass
class Service:
    """A running application that trusts the issuer: `GET` and `POST /profile` for users, `GET /admin` for admins."""

    auth: AuthClient
    client: TestClient[web.Request, web.Application]

    async def get(self, token: str | None = None, path: str = "/profile", **headers: str) -> ClientResponse:
        return await self.call("GET", path, token, **headers)

    async def call(self, method: str, path: str, token: str | None = None, **headers: str) -> ClientResponse:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        response = await self.client.request(method, path, headers=headers)
        await response.read()
        return response


async def profile(request: web.Request) -> web.Response:
    user = current_user(request)
    return web.json_response({**user.to_dict(), "session_id": user.session_id, "issuer": user.issuer})


def application(auth: AuthClient) -> web.Application:
    app = web.Application()
    auth.setup(app)
    app.router.add_route("*", "/profile", auth.protect(profile))
    app.router.add_get("/admin", auth.authorize("admin")(profile))
    return app


@pytest.fixture
async def start(make_auth) -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """A function that starts a service with any options."""
    async with AsyncExitStack() as services:

        async def make(app: Callable[[AuthClient], web.Application] = application, **options: Any) -> Service:
            auth = make_auth(**options)
            return Service(auth, await services.enter_async_context(serving(app(auth), DummyCookieJar())))

        yield make


@pytest.fixture
async def service(start) -> Service:
    """A service with the default options."""
    return await start()
