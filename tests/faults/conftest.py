"""Servers that may be killed, made once: one of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import chosen
from tests.faults.mariadb import Mariadb
from tests.faults.postgres import Postgres
from tests.faults.service import Service
from tests.faults.stage import Stage

KINDS = {"postgres": Postgres, "mysql": Mariadb}


@pytest.fixture(scope="module", params=KINDS)
def service(request) -> Iterator[Service]:
    """PostgreSQL and MariaDB of this module's own."""
    made = KINDS[chosen(request.param)]()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def stage(service) -> Iterator[Stage]:
    """A server process that uses the service through a proxy. It is the same for all of the module's tests."""
    made = Stage(service.options)
    yield made
    made.close()
