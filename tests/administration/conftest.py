"""The administration as Python functions, on every database."""

from __future__ import annotations

import pytest


@pytest.fixture
def events():
    """What was told."""
    return []


@pytest.fixture
async def auth(make_auth, events):
    """An open auth server."""
    async with make_auth(hooks={"on_event": events.append}) as opened:
        yield opened
