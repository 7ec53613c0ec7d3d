"""What a handler does to the cookies itself is the last word: a silent refresh on the way does not undo it."""

from __future__ import annotations

import pytest
from aiohttp import web

from sentri import current_user
from tests.support import host_application

COOKIES = {"cookie": {"secure": False}, "access_cookie": {"secure": False}}
EXPIRED = 16 * 60


def application(auth) -> web.Application:
    """A host that logs in with a link, switches users, and makes the browser forget."""

    async def magic_link(request: web.Request) -> web.Response:
        known = await auth.user(request)
        response = web.json_response({"was": known.identifier if known else None})
        auth.set_cookies(response, await auth.accounts.start_session(request.query["user"]))
        return response

    @auth.protect
    async def forget(request: web.Request) -> web.Response:
        response = web.json_response({"was": current_user(request).identifier})
        auth.clear_cookies(response)
        return response

    app = host_application(auth)
    app.router.add_get("/link", magic_link)
    app.router.add_get("/forget", forget)
    return app


@pytest.fixture
async def browser(make_api):
    """An application with cookies whose test client keeps them."""
    return await make_api(app=application, **COOKIES)


async def who(api) -> str | None:
    response = await api.call("GET", "/profile")
    return (await response.json())["identifier"] if response.status == 200 else None


async def visit(api, path: str) -> None:
    assert (await api.call("GET", path)).status == 200


async def test_new_login_outlasts_a_silent_refresh(browser, clock):
    """A link that logs in as somebody else, followed with an expired token."""
    ann, ben = await browser.user("ann"), await browser.user("ben")
    await visit(browser, f"/link?user={ann.id}")
    clock.advance(EXPIRED)
    await visit(browser, f"/link?user={ben.id}")
    assert await who(browser) == "ben"


async def test_new_login_outlasts_the_end_of_the_old_session(browser, clock):
    """The same, where the session of the old cookies has ended: clearing them does not take the new ones."""
    ann = await browser.user("ann")
    await visit(browser, f"/link?user={ann.id}")
    await browser.auth.accounts.logout_all(user_id=ann.id)
    clock.advance(EXPIRED)
    await visit(browser, f"/link?user={ann.id}")
    assert await who(browser) == "ann"


async def test_cookies_that_a_handler_clears_stay_cleared(browser, clock):
    """Also in the request that refreshed them."""
    ann = await browser.user("ann")
    await visit(browser, f"/link?user={ann.id}")
    clock.advance(EXPIRED)
    await visit(browser, "/forget")
    assert await who(browser) is None
