"""Fixtures for everybody. HTTP tests run on every database: `api`, `make_api`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import DummyCookieJar

from sentri import AuthServer
from sentri.config.options import HOOKS
from sentri.happenings import EVENT_HOOKS
from sentri_testing import ManualClock
from tests.support import SECRET, Api, cheap_server, host_application, serving

pytest_plugins = ["pytester", "tests.databases", "tests.redis_servers", "tests.processes.serving"]


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the servers that `make_auth` makes."""
    return ManualClock()


@pytest.fixture
def carriage() -> str:
    """How clients carry tokens; the tests of the endpoints run for both."""
    return "bearer"


@pytest.fixture
def auth_options(database_options) -> dict[str, Any]:
    """What every auth server of `make_auth` is told: the test's database, HS256."""
    return {"db": database_options, "secret": SECRET, "valid_roles": ("user", "editor", "admin")}


@pytest.fixture
def make_auth(auth_options, clock) -> Callable[..., AuthServer]:
    """An auth server with any options, and a clock that stands still."""

    def make(**options: Any) -> AuthServer:
        return cheap_server(auth_options | options, clock=clock)

    return make


@pytest.fixture
def serve(make_auth) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """How an application of `make_api` is served: by this process. `tests.processes.serving` has another way."""

    @asynccontextmanager
    async def serve(app: Any, options: Mapping[str, Any], jar: Any) -> AsyncIterator[tuple[AuthServer, Any]]:
        auth = make_auth(**options)
        async with serving(app(auth), jar) as client:
            yield auth, client

    return serve


@pytest.fixture
async def make_api(serve, database, carriage) -> AsyncIterator[Callable[..., Awaitable[Api]]]:
    """A running application with an auth server of any options."""
    async with AsyncExitStack() as running:

        async def make(*, app: Callable[[AuthServer], Any] = host_application, **options: Any) -> Api:
            given, jar = options, None
            if carriage == "cookie":
                given, jar = {"cookie": {}, "access_cookie": {}} | options, DummyCookieJar()  # the test sends them
            auth, client = await running.enter_async_context(serve(app, given, jar))
            return Api(auth, client, database, carriage)

        yield make


@pytest.fixture
async def api(make_api) -> Api:
    """A running application with the default options."""
    return await make_api()


@pytest.fixture
def told() -> list[tuple[Any, ...]]:
    """What the `hooks` were called with, in order: the hook's name, then its arguments."""
    return []


@pytest.fixture
def hooks(told) -> dict[str, Callable[..., None]]:
    """Every hook but those that are told events, for `make_api(hooks=hooks)`; they write to `told`."""
    return {name: partial(_tell, told, name) for name in HOOKS if name not in EVENT_HOOKS}


def _tell(told: list[tuple[Any, ...]], name: str, *what: object) -> None:
    told.append((name, *what))
