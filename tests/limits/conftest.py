"""Limits count in memory, in a real Redis, and in one that four processes behind a round-robin share: `backend`. They
ask little of a database, so SQLite stands for all; the processes have PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.databases import chosen
from tests.limits.visiting import Visitors
from tests.processes.black_box import is_black_box
from tests.redis_servers import REDIS


def pytest_generate_tests(metafunc) -> None:
    chosen_already = any("backend" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "backend" in metafunc.fixturenames and not chosen_already:
        names = ["memory", "redis", "processes"] if is_black_box(metafunc) else ["memory", "redis"]
        metafunc.parametrize("backend", names, indirect=True)


@pytest.fixture
def in_processes(request) -> bool:
    """Whether several processes serve."""
    case = getattr(request.node, "callspec", None)
    return case is not None and case.params.get("backend") == "processes"


@pytest.fixture
def dialect(in_processes) -> str:
    return chosen("postgres" if in_processes else "sqlite")


@pytest.fixture
def serve(serve, request, in_processes) -> Any:
    return request.getfixturevalue("by_processes") if in_processes else serve


@pytest.fixture
def backend(request) -> dict[str, Any]:
    """Options that choose where attempts are counted."""
    match request.param:
        case "memory":
            return {}
        case "redis":
            return {"redis_url": REDIS, "namespace": request.getfixturevalue("namespace")}
        case _:
            return request.getfixturevalue("shared_redis")


@pytest.fixture
def clock(clock, request, in_processes) -> Any:
    """Redis forgets by real time, which must not be behind."""
    return request.getfixturevalue("shared_clock") if in_processes else clock


@pytest.fixture
def visit(make_api, backend) -> Callable[..., Awaitable[Visitors]]:
    """A function that starts a server with these limits, behind a proxy that it trusts: visitors have addresses."""

    async def start(limits: dict[str, Any] | None = None, **options: Any) -> Visitors:
        given = {"rate_limit": limits or {}, "trusted_proxies": ["127.0.0.1"], **backend, **options}
        return Visitors(await make_api(**given))

    return start
