"""Servers that are watched, on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import DummyCookieJar, web

import sentri
from sentri import AuthServer
from sentri.config.options import HOOKS
from sentri.keys.timeline import KeyTimes
from tests.events.provoking import World
from tests.events.watching import Watch
from tests.support import SECRET, Api, cheap_server, host_application, profile, serving

TIMES = KeyTimes(notice=0.05)


@pytest.fixture
def watch() -> Watch:
    return Watch(tuple(HOOKS))


@pytest.fixture
async def start(
    database_options, database, clock, watch, monkeypatch
) -> AsyncIterator[Callable[..., Awaitable[World]]]:
    """A function that starts a server with any options; None leaves one out."""
    async with AsyncExitStack() as running:

        async def make(app: Callable[[AuthServer], web.Application] | None = None, **options: Any) -> World:
            usual = {"db": database_options, "secret": SECRET, "valid_roles": ("user", "editor", "admin")}
            given = {**usual, **watch.options, **options}
            given = {name: value for name, value in given.items() if value is not None}
            auth = cheap_server(given, clock=clock, key_times=TIMES)
            client = await running.enter_async_context(serving((app or application)(auth), DummyCookieJar()))
            return World(Api(auth, client, database), watch, clock, monkeypatch)

        yield make


def application(auth: AuthServer) -> web.Application:
    """A host with a handler for each guard that may say no."""
    app = host_application(auth)
    app[sentri.AUTH] = auth
    app.router.add_get("/editors", auth.authorize("editor", "admin")(profile))
    app.router.add_post("/owners", auth.permit(lambda *_: False)(profile))
    app.router.add_put("/late", sentri.authorize("admin")(profile))
    return app
