"""The fixtures that live in an event loop: pytest-asyncio's, in its strict mode as well as in its automatic one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest_asyncio

if TYPE_CHECKING:
    from sentri_testing.clock import ManualClock
    from sentri_testing.issuer import FakeAuthServer
    from sentri_testing.server import TestAuthServer
    from sentri_testing.tokens import TokenFactory

__all__: list[str] = []


@pytest_asyncio.fixture
async def sentri_auth_server(_sentri_server: TestAuthServer) -> AsyncIterator[TestAuthServer]:
    """A real auth server on an in-memory database of the test's own, with cheap hashing and the time of `sentri_clock`.

    Give it to the application under test, `create_app(auth=sentri_auth_server)`. Its options are those of
    `sentri_options` and of `@pytest.mark.sentri(…)`.
    """
    async with _sentri_server:
        yield _sentri_server


@pytest_asyncio.fixture
async def make_fake_auth_server(
    sentri_clock: ManualClock,
) -> AsyncIterator[Callable[..., Awaitable[FakeAuthServer]]]:
    """A function that starts servers like `fake_auth_server`, as many as a test needs: `other = await
    make_fake_auth_server(issuer="https://partner.example")`.
    """
    from sentri_testing.issuer import FakeAuthServer  # noqa: PLC0415 - loads sentri

    async with AsyncExitStack() as running:

        async def start(**options: Any) -> FakeAuthServer:
            return await running.enter_async_context(FakeAuthServer(**{"clock": sentri_clock, **options}))

        yield start


@pytest_asyncio.fixture
async def fake_auth_server(make_fake_auth_server: Callable[..., Awaitable[FakeAuthServer]]) -> FakeAuthServer:
    """A running HTTP server that publishes keys and issues tokens, for an application in client mode:
    `create_auth(mode="client", key_uri=fake_auth_server.key_uri, clock=sentri_clock)`.
    """
    return await make_fake_auth_server()


@pytest_asyncio.fixture
async def token_factory(_token_source: Any) -> TokenFactory:
    """Tokens by name, good and bad: `token_factory.valid(roles=["admin"])`, `token_factory("expired")`.

    They are those of `fake_auth_server`, or of `sentri_auth_server` where a test has only that.
    """
    from sentri_testing.tokens import TokenFactory  # noqa: PLC0415 - loads sentri

    return await TokenFactory.of(_token_source)
