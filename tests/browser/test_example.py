"""The example as `make example-spa` runs it, and as it looks."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.sites import PATIENCE, Tab
from tests.support import PASSWORD

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(loop_scope="session")
async def example() -> AsyncIterator[str]:
    """Runs the example on a free port; the address that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "examples/spa/app.py",
        env=os.environ | {"SPA_PORT": "0", "SPA_DB": "sqlite://:memory:"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE / 1000):
            line = (await process.stdout.readline()).decode()
        yield next(word for word in line.split() if word.startswith("http://"))
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_example_runs(example, profile):
    """It says where it is; one registers there and is logged in."""
    page = await profile.new_page()
    policy = (await (await page.goto(example)).header_value("content-security-policy")) or ""
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    await page.get_by_role("button", name="Register").click()
    await page.get_by_label("Name or e-mail").fill("ann@example.com")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Register and log in").click()
    await expect(page.get_by_role("heading", name="Your session")).to_be_visible()
    await expect(page.locator("#left")).to_contain_text("s")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_makes_a_picture_of_the_example(open_shop, new_profile, clock, tmp_path, scheme):
    """Logged in, after two refreshes; `make screenshot` keeps the light one for the documentation."""
    shop = await open_shop(access_expires_in=30, refresh_leeway=1)
    await shop.register("ann@example.com")
    profile = await new_profile(color_scheme=scheme, viewport={"width": 1024, "height": 820}, locale="en-GB")
    await profile.clock.install()
    tab = await Tab.open(profile, shop)
    await tab.log_in("ann@example.com")
    for renewals in ("1", "2"):
        clock.advance(31)
        await profile.clock.fast_forward(31_000)
        assert (await tab.ask()).status == 200
        await expect(tab.renewals).to_have_text(renewals)
    await profile.clock.fast_forward(7_000)
    kept = os.environ.get("SENTRI_SCREENSHOT")
    path = Path(kept) if kept and scheme == "light" else tmp_path / "spa.png"
    await tab.page.screenshot(path=path, animations="disabled")
    assert path.stat().st_size < 150_000
