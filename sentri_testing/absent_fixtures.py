"""In place of the fixtures that need pytest-asyncio, where that is not: each says so."""

from __future__ import annotations

from typing import NoReturn

import pytest

__all__: list[str] = []


def _fail(name: str) -> NoReturn:
    pytest.fail(
        f"{name} needs pytest-asyncio, which is not installed or turned off: pip install 'sentri-auth[testing]'",
        pytrace=False,
    )


@pytest.fixture
def sentri_auth_server() -> NoReturn:
    """Needs pytest-asyncio."""
    _fail("sentri_auth_server")


@pytest.fixture
def make_fake_auth_server() -> NoReturn:
    """Needs pytest-asyncio."""
    _fail("make_fake_auth_server")


@pytest.fixture
def fake_auth_server() -> NoReturn:
    """Needs pytest-asyncio."""
    _fail("fake_auth_server")


@pytest.fixture
def token_factory() -> NoReturn:
    """Needs pytest-asyncio."""
    _fail("token_factory")
