"""The two applications, each with the auth object that its tests need."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer
from shop import api, reports

from sentri import create_auth


@pytest.fixture
async def shop(sentri_auth_server):
    """A client of the main API, which nobody is logged in with."""
    async with TestClient(TestServer(api.create_app(sentri_auth_server))) as client:
        yield client


@pytest.fixture
def make_service(fake_auth_server, sentri_clock):
    """Clients of the reports, which trust the fake auth server; with other options where a test gives them."""

    def make(**options):
        trusted = {"key_uri": fake_auth_server.key_uri, "issuer": fake_auth_server.issuer}
        auth = create_auth(mode="client", access_cookie={}, clock=sentri_clock, **trusted | options)
        return TestClient(TestServer(reports.create_app(auth)))

    return make


@pytest.fixture
async def service(make_service):
    """One of them."""
    async with make_service() as client:
        yield client
