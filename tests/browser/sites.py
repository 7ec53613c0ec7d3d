"""The site under test, sites of other people, and a tab that shows the example.

Every name under `localhost` leads browsers to this machine, and is as good as https to them. `app.localhost` and
`evil.localhost` are two sites; another port, and `blog.app.localhost`, are other origins of the first one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from playwright.async_api import BrowserContext, Page, Response, expect

from examples.spa.app import make_app
from sentri import AuthServer, AuthUser, current_user
from sentri.clock import system_clock
from tests.support import PASSWORD

PATIENCE = 30_000
"""How long a condition may take to become true, in milliseconds: much, because machines that test are busy."""


class RunningClock:
    """The system's clock, put forward as far as a test wants it."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return system_clock() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


@dataclass(frozen=True)
class Seen:
    """A request that reached a site, and what it was answered with."""

    method: str
    path: str
    cookies: frozenset[str]
    status: int


@dataclass
class Shop:
    """The site under test: the example, with a few routes more.

    Attributes:
        seen: the requests that it answered.
        orders: who ordered, in the one handler that changes something.
    """

    auth: AuthServer
    clock: RunningClock
    origin: str = ""
    seen: list[Seen] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    async def register(self, identifier: str) -> AuthUser:
        return await self.auth.accounts.register(identifier=identifier, password=PASSWORD, roles=["user"])

    async def answered(self, method: str, path: str) -> Seen:
        """The last answer to such a request, as soon as there is one."""
        async with asyncio.timeout(PATIENCE / 1000):
            while True:
                for seen in reversed(self.seen):
                    if (seen.method, seen.path) == (method, path):
                        return seen
                await asyncio.sleep(0.01)


def shop_application(shop: Shop) -> web.Application:
    """The example's application, with an order to be placed, and routes that answer in every way there is."""
    auth = shop.auth

    @auth.protect
    async def order(request: web.Request) -> web.Response:
        shop.orders.append(current_user(request).identifier)
        return web.json_response({})

    async def whoami(request: web.Request) -> web.Response:
        user = await auth.user(request)
        return web.Response(text=f"<p>{user.identifier if user else 'nobody'}</p>", content_type="text/html")

    async def link(request: web.Request) -> web.Response:
        response = web.HTTPSeeOther("/")
        auth.set_cookies(response, await auth.accounts.start_session(request.query["user"]))
        raise response

    app = make_app(auth)
    app.middlewares.insert(0, _watching(shop))
    app.router.add_post("/api/orders", order)
    app.router.add_get("/whoami", whoami)
    app.router.add_get("/link", link)
    for path, handler in KINDS.items():
        app.router.add_get(path, auth.protect(handler))
    return app


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"one, ")
    await response.write(b"two")
    return response


async def _file(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(__file__)


async def _redirect(_: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther("/icon.svg")


async def _missing(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


async def _broken(_: web.Request) -> web.StreamResponse:
    raise RuntimeError("on purpose")


async def greet(request: web.Request) -> web.StreamResponse:
    """A WebSocket that says who opened it."""
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_str(current_user(request).identifier)
    await response.close()
    return response


KINDS = {
    "/kinds/stream": _stream,
    "/kinds/file": _file,
    "/kinds/redirect": _redirect,
    "/kinds/missing": _missing,
    "/kinds/broken": _broken,
    "/socket": greet,
}


def _watching(shop: Shop) -> Middleware:
    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            shop.seen.append(Seen(request.method, request.path, frozenset(request.cookies), status))
        return response

    return watch


def blank_site() -> web.Application:
    """A site of somebody else: an empty page, for scripts to be run in."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Elsewhere</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str) -> AsyncIterator[str]:
    """The origin under which browsers reach the application, for as long as the context is open."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Tab:
    """A tab with the example in it."""

    def __init__(self, page: Page, shop: Shop) -> None:
        self.page = page
        self._shop = shop
        self.session = page.get_by_role("heading", name="Your session")
        self.entrance = page.get_by_role("button", name="Log in").first
        self.token = page.locator("#token-id")
        self.renewals = page.locator("#renewals")

    @classmethod
    async def open(cls, profile: BrowserContext, shop: Shop, path: str = "/") -> Tab:
        tab = cls(await profile.new_page(), shop)
        await tab.page.goto(shop.origin + path)
        return tab

    async def log_in(self, identifier: str, password: str = PASSWORD) -> None:
        await self.page.get_by_label("Name or e-mail").fill(identifier)
        await self.page.get_by_label("Password", exact=True).fill(password)
        await self.page.locator("#enter").click()
        await self.is_live()

    async def is_live(self) -> None:
        """The session is on display, with its token."""
        await expect(self.session).to_be_visible()
        await expect(self.token).to_have_text(re.compile(r"[\w-]{22}"))

    async def click(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def ask(self) -> Response:
        """Have the page ask the server who it is."""
        async with self.page.expect_response("**/api/session") as answered:
            await self.click("Ask the server who I am")
        return await answered.value

    async def cookies(self) -> dict[str, Any]:
        """What the browser keeps for the site under test, by name."""
        return {cookie["name"]: cookie for cookie in await self.page.context.cookies(self._shop.origin)}

    async def refresh_token(self) -> str:
        return (await self.cookies())["refresh_token"]["value"]


async def fetch(page: Page, url: str, **init: Any) -> int | str:
    """`fetch` in the page, with credentials: the status; `opaque` for one that the page may not see; `blocked`."""
    return await page.evaluate(
        """([url, init]) => fetch(url, {credentials: "include", ...init}).then(
            (response) => response.text().then(() => response.type === "opaque" ? "opaque" : response.status),
            () => "blocked")""",
        [url, init],
    )


async def submit(page: Page, url: str, fields: dict[str, str], enctype: str = "text/plain") -> Response:
    """Submit a form of the page to a URL, as a script can without being asked; the answer that takes its place."""
    async with page.expect_navigation(url=url) as navigated:
        await page.evaluate(
            """([action, fields, enctype]) => {
                const form = Object.assign(document.createElement("form"), {method: "post", action, enctype});
                for (const [name, value] of Object.entries(fields))
                    form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
                document.body.append(form);
                setTimeout(() => form.submit());
            }""",
            [url, fields, enctype],
        )
    response = await navigated.value
    assert response is not None
    return response


async def follow_link(page: Page, url: str, *, arriving: str | None = None) -> None:
    """Click a link of the page, as somebody would who wants to go there, or where it redirects to."""
    await page.evaluate(
        """(href) => document.body.append(Object.assign(document.createElement("a"), {href, textContent: "Go"}))""", url
    )
    async with page.expect_navigation(url=arriving or url):
        await page.get_by_role("link", name="Go").click()


async def socket(page: Page, url: str) -> str:
    """What a WebSocket that the page opens says first; `refused` where it does not open."""
    said: str = await page.evaluate(
        """(url) => new Promise((resolve) => {
            const socket = new WebSocket(url);
            socket.onmessage = (event) => resolve(event.data);
            socket.onerror = () => resolve("refused");
        })""",
        url,
    )
    return said
