"""A response that takes its time brings no cookies that the browser has outgrown meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.support import host_application

COOKIES = {"cookie": {"secure": False}, "access_cookie": {"secure": False}}
EXPIRED = 16 * 60


@pytest.fixture
async def slow(make_api):
    """An application with a route that answers when `release` says so; its client is logged in."""
    begun, release = asyncio.Event(), asyncio.Event()

    def application(auth) -> web.Application:
        async def wait(_: web.Request) -> web.Response:
            begun.set()
            await release.wait()
            return web.json_response({})

        app = host_application(auth)
        app.router.add_get("/wait", auth.protect(wait))
        return app

    api = await make_api(app=application, **COOKIES)
    await api.user("ann")
    assert (await api.login("ann")).status == 200
    api.begun, api.release = begun, release
    return api


async def test_a_slow_response_does_not_bring_a_spent_token_back(slow, clock):
    """Refreshed at its start, it ends after the next rotation: the browser keeps what that one brought."""
    clock.advance(EXPIRED)
    waiting = asyncio.ensure_future(slow.call("GET", "/wait"))
    await slow.begun.wait()
    assert (await slow.call("GET", "/profile")).status == 200  # beside it, with the same expired token
    clock.advance(EXPIRED)
    assert (await slow.call("GET", "/profile")).status == 200
    slow.release.set()
    assert (await waiting).status == 200
    clock.advance(EXPIRED)
    assert (await slow.call("GET", "/profile")).status == 200


@pytest.mark.parametrize("seconds", [30, 61, 10 * 60])
async def test_a_response_slower_than_the_leeway_leaves_the_browser_logged_in(slow, clock, seconds):
    """Until it has the successor, its token is the current one: nothing is taken for theft."""
    clock.advance(EXPIRED)
    waiting = asyncio.ensure_future(slow.call("GET", "/wait"))
    await slow.begun.wait()
    clock.advance(seconds)
    assert (await slow.call("GET", "/profile")).status == 200
    slow.release.set()
    assert (await waiting).status == 200
    clock.advance(EXPIRED)
    assert (await slow.call("GET", "/profile")).status == 200
