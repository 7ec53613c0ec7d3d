"""A front end on another origin of the same site: trusted_origins here, aiohttp-cors for what its scripts may read.

The application is that of docs/browser-apps.md.
"""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from aiohttp import web

from sentri import AuthServer, current_user
from tests.browser.sites import blank_site, fetch, greet, socket
from tests.browser.test_session import EXPIRED
from tests.docs.pages import block, executed
from tests.support import PASSWORD

JSON = {"Content-Type": "application/json"}
PAGE = "docs/browser-apps.md"
LOGIN = json.dumps({"identifier": "ann", "password": PASSWORD})


def interface(make_auth, front_end: str) -> tuple[AuthServer, web.Application]:
    """The page's application, for a front end that lives elsewhere, with two routes more."""

    def created(*_: object, **options: object) -> AuthServer:
        return make_auth(**options)

    async def profile(request: web.Request) -> web.Response:
        return web.json_response(current_user(request).to_dict())

    text = block(PAGE, "import aiohttp_cors").replace("https://www.example.com", front_end)
    text = text.replace("endpoints = ", "add_routes(app, auth)\nendpoints = ")
    names = executed(text, create_auth=created, profile=profile, web=web, add_routes=add_routes)
    return names["auth"], names["app"]


def add_routes(app: web.Application, auth: AuthServer) -> None:
    @auth.protect
    async def order(_: web.Request) -> web.Response:
        return web.json_response({}, status=201)

    app.router.add_post("/orders", order)
    app.router.add_get("/updates", auth.protect(greet))


@pytest_asyncio.fixture(loop_scope="session")
async def front_end(serving) -> str:
    """The origin of the front end."""
    return await serving(blank_site(), "www.app.localhost")


@pytest_asyncio.fixture(loop_scope="session")
async def api(make_auth, serving, front_end) -> str:
    """The origin of the application, which trusts the front end; Ann has an account there."""
    auth, app = interface(make_auth, front_end)
    origin = await serving(app, "api.app.localhost")
    await auth.accounts.register(identifier="ann", password=PASSWORD, roles=["user"])
    return origin


@pytest_asyncio.fixture(loop_scope="session")
async def page(profile, front_end):
    """A page of the front end."""
    page = await profile.new_page()
    await page.goto(front_end)
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def logged_in(page, api):
    """The same, after the login."""
    assert await fetch(page, f"{api}/auth/login", method="POST", headers=JSON, body=LOGIN) == 200
    return page


async def test_trusted_front_end_works(logged_in, api, clock):
    """It logs in, reads, changes, opens sockets, and is refreshed silently; preflights pass the guards."""
    page = logged_in
    for _ in range(2):
        assert await fetch(page, f"{api}/profile") == 200
        clock.advance(EXPIRED)
        assert await fetch(page, f"{api}/orders", method="POST", headers=JSON, body="{}") == 201
        assert await socket(page, f"{api.replace('http', 'ws')}/updates") == "ann"
    assert await fetch(page, f"{api}/auth/logout", method="POST") == 200
    assert await fetch(page, f"{api}/profile") == 401
    for unknown in ("/unknown", "/auth/unknown"):
        assert await fetch(page, api + unknown, mode="no-cors") == "opaque"
        assert await fetch(page, api + unknown) == "blocked"


async def test_the_line_of_the_page_reads_the_answer(logged_in, api):
    line = block(PAGE, 'credentials: "include" });', "js").replace("https://api.example.com", api)
    assert (
        await logged_in.evaluate(f"async () => (await {line.strip().removeprefix('await ').rstrip(';')}).status") == 200
    )


async def test_cookies_are_not_the_front_ends(logged_in, api):
    """They belong to the host that set them: scripts of the front end's origin see neither."""
    assert await logged_in.evaluate("document.cookie") == ""
    cookies = await logged_in.context.cookies(api)
    assert {cookie["domain"] for cookie in cookies} == {"api.app.localhost"}


async def test_front_end_may_send_allowed_headers_only(logged_in, api):
    """A preflight that asks for another is refused, and the browser sends no request."""
    assert await fetch(logged_in, f"{api}/profile", headers={"X-Other": "1"}) == "blocked"


@pytest.mark.parametrize("host", ["blog.app.localhost", "evil.localhost"])
async def test_refuses_origins_that_are_not_trusted(logged_in, api, serving, host):
    """Of the same site or not: neither read nor changed."""
    page = await logged_in.context.new_page()
    await page.goto(await serving(blank_site(), host))
    assert await fetch(page, f"{api}/profile") == "blocked"
    assert await fetch(page, f"{api}/orders", method="POST", headers=JSON, body="{}") == "blocked"
    assert await fetch(page, f"{api}/auth/login", method="POST", headers=JSON, body=LOGIN) == "blocked"
    assert await fetch(page, f"{api}/auth/logout", method="POST", mode="no-cors") == "opaque"
    assert await socket(page, f"{api.replace('http', 'ws')}/updates") == "refused"
    assert await fetch(logged_in, f"{api}/profile") == 200
