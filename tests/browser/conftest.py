"""A real browser, headless Chromium, and the sites that it visits.

Chromium is what the environment variable CHROMIUM names, or what is installed as chromium, chromium-browser or
google-chrome; `make browser` installs it on Debian. Where there is none the tests are skipped; with
SENTRI_TEST_SERVICES=required they fail.

One browser and one event loop serve the whole suite; every test has a profile of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.browser.sites import PATIENCE, RunningClock, Shop, Tab, blank_site, serve, shop_application

# The second line keeps Chromium from talking to the world behind a test's back.
SWITCHES = [
    *("--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PREFERENCES = {"cookie_controls_mode": 0, "block_third_party_cookies": False}
USUAL_PLACES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items) -> None:
    """All tests of this folder share the event loop of the browser."""
    for item in items:
        if item.path.parent.name == "browser" and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def chromium() -> str:
    """Where Chromium is; without one the test ends here."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else USUAL_PLACES:
        if path := shutil.which(name):
            return path
    missing = (
        f"{named or 'Chromium'} is not installed here: `make browser` installs it on Debian, CHROMIUM names another"
    )
    if os.environ.get("SENTRI_TEST_SERVICES") == "required":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(tmp_path_factory) -> AsyncIterator[Browser]:
    """Chromium, started once. It lets third-party cookies through, which by default it may not: other sites get the
    best chance there is.
    """
    path, folder = chromium(), tmp_path_factory.mktemp("chromium")
    (folder / "Default").mkdir()
    (folder / "Default" / "Preferences").write_text(json.dumps({"profile": PREFERENCES}))
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch_persistent_context(
            folder, executable_path=path, args=SWITCHES, timeout=2 * PATIENCE
        )
        assert started.browser is not None
        yield started.browser
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_profile(browser) -> AsyncIterator[Callable[..., Awaitable[BrowserContext]]]:
    """Makes browser profiles: cookies of their own. No script may fail in their pages, nor break their policy."""
    made: list[BrowserContext] = []
    faults: list[str] = []

    async def make(**options: Any) -> BrowserContext:
        profile = await browser.new_context(**options)
        made.append(profile)
        profile.set_default_timeout(PATIENCE)
        profile.on("weberror", lambda error: faults.append(str(error.error)))
        profile.on("console", lambda said: "Security Policy" in said.text and faults.append(said.text))
        return profile

    yield make
    for profile in made:
        await profile.close()
    assert faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def profile(new_profile) -> BrowserContext:
    """The profile of a user's browser."""
    return await new_profile()


@pytest.fixture
def clock() -> RunningClock:
    """The servers' clock: runs, and can be put forward."""
    return RunningClock()


@pytest.fixture
def dialect() -> str:
    """The browser does not see which database there is: one is enough."""
    return "sqlite"


@pytest_asyncio.fixture(loop_scope="session")
async def serving() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Serves an application under a host name; the origin that it got."""
    async with AsyncExitStack() as running:

        async def start(app: web.Application, host: str) -> str:
            return await running.enter_async_context(serve(app, host))

        yield start


@pytest.fixture
def open_shop(make_auth, serving, clock) -> Callable[..., Awaitable[Shop]]:
    """Opens the site under test, with any options of the auth server."""

    async def make(host: str = "app.localhost", **options: Any) -> Shop:
        auth = make_auth(**{"cookie": {}, "access_cookie": {}} | options)
        shop = Shop(auth, clock)
        shop.origin = await serving(shop_application(shop), host)
        return shop

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def shop(open_shop) -> Shop:
    """The site under test, with cookies as they are by default."""
    return await open_shop()


@pytest_asyncio.fixture(loop_scope="session")
async def ann(shop, profile) -> Tab:
    """A tab in which Ann is logged in: by a link, which takes less time than the form."""
    ann = await shop.register("ann")
    tab = await Tab.open(profile, shop, f"/link?user={ann.id}")
    await tab.is_live()
    return tab


@pytest_asyncio.fixture(loop_scope="session", params=["another port", "a sibling subdomain", "another site"])
async def foreign(request, serving) -> str:
    """The origin of somebody else: two that browsers call same-site, and one that is another site."""
    hosts = {
        "another port": "app.localhost",
        "a sibling subdomain": "blog.app.localhost",
        "another site": "evil.localhost",
    }
    return await serving(blank_site(), hosts[request.param])


@pytest_asyncio.fixture(loop_scope="session")
async def evil(serving) -> str:
    """The origin of another site."""
    return await serving(blank_site(), "evil.localhost")
