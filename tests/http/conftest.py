"""The endpoints are tested for clients that carry tokens in headers and bodies, on every database; for clients that
carry them in cookies, which is no matter of the database; and, where a test sees nothing but HTTP and the database,
against four processes behind a round-robin, on one PostgreSQL and one Redis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.databases import chosen
from tests.processes.black_box import is_black_box


@dataclass(frozen=True)
class Backend:
    """What a test runs against."""

    dialect: str
    carriage: str = "bearer"
    in_processes: bool = False


BACKENDS = {
    "sqlite": Backend("sqlite"),
    "postgres": Backend("postgres"),
    "mysql": Backend("mysql"),
    "cookies": Backend("sqlite", "cookie"),
    "processes": Backend("postgres", in_processes=True),
}


def pytest_generate_tests(metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        names = [name for name, backend in BACKENDS.items() if not backend.in_processes or is_black_box(metafunc)]
        metafunc.parametrize("backend", names, indirect=True)


@pytest.fixture
def backend(request) -> Backend:
    """A database, a carriage, and whether several processes serve."""
    return BACKENDS[request.param]


@pytest.fixture
def dialect(backend) -> str:
    return chosen(backend.dialect)


@pytest.fixture
def carriage(backend) -> str:
    return backend.carriage


@pytest.fixture
def serve(serve, request, backend) -> Any:
    return request.getfixturevalue("by_processes") if backend.in_processes else serve


@pytest.fixture
def clock(clock, request, backend) -> Any:
    return request.getfixturevalue("shared_clock") if backend.in_processes else clock


@pytest.fixture
def auth_options(auth_options, request, backend) -> dict[str, Any]:
    return auth_options | request.getfixturevalue("shared_redis") if backend.in_processes else auth_options


@pytest.fixture
def in_bodies(carriage) -> None:
    """For what a cookie client cannot send; tests/cookies has what it can."""
    if carriage != "bearer":
        pytest.skip("with cookies, refresh tokens travel in no body and access tokens in no header")


@pytest.fixture(autouse=True)
def _refreshes_as_it_can(request, carriage) -> None:
    """Tests that send every service a body of theirs leave `refresh` out for cookie clients: it reads none."""
    params = getattr(request.node, "callspec", None)
    chosen_service = {} if params is None else params.params
    if carriage == "cookie" and "refresh" in (chosen_service.get("name"), chosen_service.get("endpoint")):
        pytest.skip("with cookies, refresh reads no body")
