"""Limits count in memory and in a real Redis: `backend`. They ask little of a database, so SQLite stands for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sentri_testing import ManualClock
from tests.databases import chosen
from tests.limits.visiting import Visitors
from tests.redis_servers import REDIS


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    return chosen(request.param)


@pytest.fixture(params=["memory", "redis"])
def backend(request) -> dict[str, Any]:
    """Options that choose where attempts are counted."""
    if request.param == "memory":
        return {}
    return {"redis_url": REDIS, "namespace": request.getfixturevalue("namespace")}


@pytest.fixture
def clock() -> ManualClock:
    """Redis forgets by real time, which must not be behind."""
    return ManualClock()


@pytest.fixture
def visit(make_api, backend) -> Callable[..., Awaitable[Visitors]]:
    """A function that starts a server with these limits, behind a proxy that it trusts: visitors have addresses."""

    async def start(limits: dict[str, Any] | None = None, **options: Any) -> Visitors:
        given = {"rate_limit": limits or {}, "trusted_proxies": ["127.0.0.1"], **backend, **options}
        return Visitors(await make_api(**given))

    return start
