"""Guards ask the same of every database, so these tests run on SQLite; a few ask for all three."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from sentri import AuthServer, TokenPair
from tests.support import Api, serving


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """SQLite, unless the test says otherwise: `@pytest.mark.parametrize("dialect", DIALECTS, indirect=True)`."""
    return request.param


@dataclass
class Guarded:
    """An application with guarded routes, and tokens of users to try them with."""

    api: Api
    user: TokenPair
    admin: TokenPair

    async def status(self, method: str, path: str, pair: TokenPair | None = None, **more: Any) -> int:
        response = await self.api.call(method, path, token=pair and pair.access_token, **more)
        await response.read()
        return response.status

    async def statuses(self, path: str, method: str = "GET", **more: Any) -> tuple[int, int, int]:
        """What nobody, a user and an admin get."""
        return (
            await self.status(method, path, **more),
            await self.status(method, path, self.user, **more),
            await self.status(method, path, self.admin, **more),
        )


OPEN = (200, 200, 200)
FOR_USERS = (401, 200, 200)
FOR_ADMINS = (401, 403, 200)
FOR_NOBODY = (401, 403, 403)


@pytest.fixture
async def guarded(make_auth, database) -> AsyncIterator[Callable[..., Awaitable[Guarded]]]:
    """A function that starts an application; `wire(auth, app)` adds what the test is about.

    `middlewares` is a function of the auth object too; the error middleware comes first.
    """
    async with AsyncExitStack() as running:

        async def make(
            wire: Callable[[AuthServer, web.Application], Any] = lambda auth, app: None,
            *,
            middlewares: Callable[[AuthServer], list[Any]] = lambda auth: [],
            **options: Any,
        ) -> Guarded:
            auth = make_auth(**options)
            app = web.Application(middlewares=[auth.error_middleware(), *middlewares(auth)])
            app.add_subapp("/auth", auth.app())
            wire(auth, app)
            api = Api(auth, await running.enter_async_context(serving(app)), database)
            return Guarded(api, await api.session(), await api.session(roles=("user", "admin")))

        yield make


@pytest.fixture
def count_look_ups(monkeypatch) -> Callable[[AuthServer], list[str]]:
    """Starts to count how often an auth object authenticates; the list holds the tokens."""

    def count(auth: AuthServer) -> list[str]:
        seen: list[str] = []
        authenticate = auth.authenticate

        async def counted(token: str) -> Any:
            seen.append(token)
            return await authenticate(token)

        monkeypatch.setattr(auth, "authenticate", counted)
        return seen

    return count
