"""Servers whose keys are kept in the test's database. ES256: its keys are made in no time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sentri import AuthServer
from sentri.keys.timeline import KeyTimes
from sentri.storage import SigningKeys
from tests.support import cheap_server

NEW, OLD, OTHER = (f"{name} secret that encrypts the keys of tests" for name in ("the new", "the old", "another"))
TIMES = KeyTimes(notice=0.05)


@pytest.fixture
def make_kept(database_options, clock) -> Callable[..., AuthServer]:
    """An auth server with kept keys, and any other options; `times` and `clock` go beside the options."""

    def make(*, times: KeyTimes = TIMES, clock: Any = clock, **options: Any) -> AuthServer:
        given = {
            "db": database_options,
            "key_encryption_secret": NEW,
            "algorithm": "ES256",
            "valid_roles": ("user", "editor", "admin"),
        }
        return cheap_server(given | options, clock=clock, key_times=times)

    return make


@pytest.fixture
def store(database) -> SigningKeys:
    """The table, for a look behind the server's back."""
    return SigningKeys(database)
