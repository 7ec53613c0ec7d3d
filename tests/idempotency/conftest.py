"""Idempotency runs over memory and over a real Redis: `backend`, `idempotent`.

Where no Redis runs, its tests are skipped; with SENTRI_TEST_SERVICES=required they fail. SENTRI_TEST_REDIS is its URL.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis
from aiohttp import DummyCookieJar, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer

import sentri
from tests.idempotency.application import Counter, Running
from tests.idempotency.own_redis import OwnRedis

REDIS = os.environ.get("SENTRI_TEST_REDIS", "redis://127.0.0.1:6379/0")


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """Idempotency asks nothing of a database."""
    return request.param


@pytest.fixture(scope="session")
def _redis() -> Iterator[redis.Redis | str]:
    client = redis.Redis.from_url(REDIS, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        yield f"no Redis runs at {REDIS.rpartition('@')[2]}: {type(error).__name__}"
    else:
        yield client
    client.close()


@pytest.fixture
def redis_client(_redis) -> redis.Redis:
    """A connection of the test's own, to look and to meddle."""
    if isinstance(_redis, str):
        required = os.environ.get("SENTRI_TEST_SERVICES") == "required"
        (pytest.fail if required else pytest.skip)(_redis)
    return _redis


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    """A Redis that the test may stop."""
    started = OwnRedis()
    yield started
    started.stop()


@pytest.fixture
def namespace(redis_client) -> Iterator[str]:
    """What the keys of this test begin with; they are removed."""
    name = f"sentri-test-{os.getpid()}-{secrets.token_hex(4)}"
    yield name
    for key in redis_client.scan_iter(f"{name}:*"):
        redis_client.delete(key)


@pytest.fixture(params=["memory", "redis"])
def backend(request) -> dict[str, Any]:
    """Options that choose where keys are kept."""
    if request.param == "memory":
        return {}
    return {"redis_url": REDIS, "namespace": request.getfixturevalue("namespace")}


def unlimited(app: web.Application) -> TestClient[web.Request, web.Application]:
    """A client with as many connections as there are requests, and no cookies but those of the test."""
    return TestClient(TestServer(app), cookie_jar=DummyCookieJar(), connector=TCPConnector(limit=0))


@pytest.fixture
async def idempotent(backend) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """A function that starts an application with the middleware, without an auth object: handlers by path."""
    async with AsyncExitStack() as running:

        async def make(handlers: dict[str, Any], **options: Any) -> Running:
            middleware = sentri.create_idempotency_middleware(**backend | options)
            app = web.Application(middlewares=[middleware])
            for path, handler in handlers.items():
                app.router.add_route("*", path, handler.handle if isinstance(handler, Counter) else handler)
            app.on_shutdown.append(middleware.close)
            return Running(await running.enter_async_context(unlimited(app)), middleware)

        yield make
