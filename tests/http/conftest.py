"""The endpoints are tested for clients that carry tokens in headers and bodies, on every database, and for clients that
carry them in cookies, which is no matter of the database.
"""

from __future__ import annotations

import pytest

from tests.databases import chosen

BACKENDS = {
    "sqlite": ("sqlite", "bearer"),
    "postgres": ("postgres", "bearer"),
    "mysql": ("mysql", "bearer"),
    "cookies": ("sqlite", "cookie"),
}


@pytest.fixture(params=BACKENDS)
def backend(request) -> tuple[str, str]:
    """A database and a carriage."""
    return BACKENDS[request.param]


@pytest.fixture
def dialect(backend) -> str:
    return chosen(backend[0])


@pytest.fixture
def carriage(backend) -> str:
    return backend[1]


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
