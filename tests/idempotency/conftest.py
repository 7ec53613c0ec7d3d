"""Idempotency runs over memory and over a real Redis: `backend`, `idempotent`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import DummyCookieJar, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer

import sentri
from tests.idempotency.application import Counter, Running
from tests.redis_servers import REDIS


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """Idempotency asks nothing of a database."""
    return request.param


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
