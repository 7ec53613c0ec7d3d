"""Applications behind a round-robin over four processes, on one PostgreSQL and one Redis: a pytest plugin.

fleet           the processes
by_processes    in place of `serve`: what `make_api` makes, each request goes to the next process
shared_clock    in place of `clock`
shared_redis    the options that make processes count together
in_process      asked for by tests that look into the process that serves, or put objects of theirs into it
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from sentri import AuthServer
from tests.processes.fleet import Fleet, balanced
from tests.processes.shared_clock import SharedClock
from tests.redis_servers import REDIS


@pytest.fixture(scope="session")
def fleet(tmp_path_factory) -> Iterator[Fleet]:
    """Four processes that wait for applications."""
    started = Fleet(tmp_path_factory.mktemp("fleet"))
    yield started
    started.close()


@pytest.fixture
def shared_clock(tmp_path) -> SharedClock:
    """A clock that stands still in every process, until it is moved in this one."""
    return SharedClock(tmp_path / "clock")


@pytest.fixture(scope="session")
def _fleet_namespace(_redis) -> Iterator[str]:
    name = f"sentri-test-{os.getpid()}-fleet-{secrets.token_hex(4)}"
    yield name
    if not isinstance(_redis, str):
        for key in _redis.scan_iter(f"{name}*", count=1000):
            _redis.delete(key)


@pytest.fixture
def shared_redis(redis_client, _fleet_namespace) -> dict[str, Any]:
    """Options: one Redis, keys of this test's own."""
    return {"redis_url": REDIS, "namespace": f"{_fleet_namespace}-{secrets.token_hex(4)}"}


@pytest.fixture
def by_processes(fleet, make_auth, auth_options, clock) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Serves by four processes; the auth object of this one is a fifth process to them."""

    @asynccontextmanager
    async def serve(app: Any, options: Mapping[str, Any], jar: Any) -> AsyncIterator[tuple[AuthServer, Any]]:
        async with (
            make_auth(**options) as auth,
            fleet.serving(app, auth_options | options, clock) as ports,
            balanced(ports, jar) as client,
        ):
            yield auth, client

    return serve


@pytest.fixture
def in_process() -> None:
    """For a test that looks into the process that serves, or gives it what cannot leave this one."""
