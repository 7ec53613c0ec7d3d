"""The chat of `make example-chat`, in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.examples.running import address_in, running
from tests.support import PASSWORD


@pytest_asyncio.fixture(loop_scope="session")
async def chat() -> AsyncIterator[str]:
    """Where it runs."""
    started = running("chat/app.py", CHAT_PORT="0", CHAT_LOOK_AGAIN="0.2")
    line = await asyncio.to_thread(started.__enter__)
    yield address_in(line)
    await asyncio.to_thread(started.__exit__, None, None, None)


async def enter(profile: BrowserContext, chat: str, button: str) -> Page:
    page = await profile.new_page()
    await page.goto(chat)
    await page.get_by_label("Name").fill("ann")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("status")).to_have_text("Connected as ann")
    return page


async def test_a_logout_in_one_window_ends_the_chat_in_every_tab(chat, new_profile):
    """Two tabs of one browser share a session; another browser's session is another one, until all are ended."""
    profile, other_profile = await new_profile(), await new_profile()
    first = await enter(profile, chat, "Register")
    other = await enter(other_profile, chat, "Log in")
    second = await profile.new_page()
    await second.goto(chat)
    await expect(second.get_by_role("status")).to_have_text("Connected as ann")

    await second.get_by_label("Message").fill("<b>hello</b>")
    await second.get_by_role("button", name="Send").click()
    for page in (first, second, other):
        await expect(page.locator("#messages")).to_have_text("ann <b>hello</b>")

    await first.get_by_role("button", name="Log out", exact=True).click()
    for page in (first, second):
        await expect(page.get_by_role("status")).to_have_text("Your session has ended.")
    await expect(other.get_by_role("status")).to_have_text("Connected as ann")

    await enter(profile, chat, "Log in")
    await other.get_by_role("button", name="Log out everywhere").click()
    for page in (other, profile.pages[-1]):
        await expect(page.get_by_role("status")).to_have_text("Your session has ended.")
