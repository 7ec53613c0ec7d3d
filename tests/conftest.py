"""Fixtures for everybody. HTTP tests run on every database: `api`, `make_api`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from aiohttp import DummyCookieJar

from sentri import AuthServer
from sentri.config.options import HOOKS
from sentri.happenings import EVENT_HOOKS
from sentri.server import server_of_options
from sentri_testing import ManualClock
from tests.support import SECRET, Api, host_application, serving

pytest_plugins = ["pytester", "tests.databases", "tests.redis_servers"]


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the servers that `make_auth` makes."""
    return ManualClock()


@pytest.fixture
def carriage() -> str:
    """How clients carry tokens; the tests of the endpoints run for both."""
    return "bearer"


@pytest.fixture
def make_auth(database_options, clock) -> Callable[..., AuthServer]:
    """An auth server on the test's database, with any options; cheap hashing, HS256, a clock that stands still."""

    def make(**options: Any) -> AuthServer:
        given = {
            "db": database_options,
            "secret": SECRET,
            "valid_roles": ("user", "editor", "admin"),
            "salt_rounds": 10,
        }
        return server_of_options(given | options, clock=clock)

    return make


@pytest.fixture
async def make_api(make_auth, database, carriage) -> AsyncIterator[Callable[..., Awaitable[Api]]]:
    """A running application with an auth server of any options."""
    async with AsyncExitStack() as running:

        async def make(*, app: Callable[[AuthServer], Any] = host_application, **options: Any) -> Api:
            if carriage == "bearer":
                auth = make_auth(**options)
                return Api(auth, await running.enter_async_context(serving(app(auth))), database)
            auth = make_auth(**{"cookie": {}, "access_cookie": {}} | options)
            client = await running.enter_async_context(serving(app(auth), DummyCookieJar()))  # the test sends them
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
