"""A browser stays logged in without a line of token code, and is logged out when it should be."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.browser.sites import Tab, fetch, socket
from tests.docs.pages import block
from tests.support import PASSWORD

EXPIRED = 16 * 60
"""Seconds after which an access token has expired, and the refresh token is due for rotation."""


async def test_registers_and_logs_in(shop, profile):
    """The whole way by keyboard; what the server refuses is said in its own words."""
    tab = await Tab.open(profile, shop)
    keyboard = tab.page.keyboard
    await tab.click("Register")
    await tab.page.get_by_label("Name or e-mail").fill("ben")
    await keyboard.press("Tab")
    await keyboard.type("short")
    await keyboard.press("Enter")
    await expect(tab.page.get_by_role("alert")).to_have_text("password: must have at least 8 characters.")
    await tab.page.get_by_label("Password", exact=True).fill(PASSWORD)
    await keyboard.press("Enter")
    await expect(tab.session).to_be_visible()
    await expect(tab.page.locator("#user-identifier")).to_have_text("ben")


async def test_login_refuses_wrong_password(shop, profile):
    """The envelope's message is on the page, and there are no cookies."""
    await shop.register("ann")
    tab = await Tab.open(profile, shop)
    await tab.page.get_by_label("Name or e-mail").fill("ann")
    await tab.page.get_by_label("Password", exact=True).fill("wrong horse")
    await tab.entrance.click()
    await expect(tab.page.get_by_role("alert")).to_contain_text("password")
    assert await tab.cookies() == {}


async def test_the_script_of_the_guide_is_all_that_a_page_needs(shop, profile):
    """That of docs/browser-apps.md: it logs in, asks, logs out, and an error comes out as one."""
    await shop.register("ann")
    page = await profile.new_page()
    await page.goto(shop.origin)
    script = block("docs/browser-apps.md", "async function call", "js")
    after = 'return call("GET", "/auth/me").catch((error) => [error.status, error.message]);'
    told = await page.evaluate(f"async ([identifier, password]) => {{ {script} {after} }}", ["ann", PASSWORD])
    assert told == [401, "Authentication is required."]
    calls = [(seen.path, seen.status) for seen in shop.seen if seen.path.startswith("/auth/")]
    assert calls == [("/auth/login", 200), ("/auth/me", 200), ("/auth/logout", 200), ("/auth/me", 401)]


async def test_browser_keeps_cookies_with_their_flags(shop, ann):
    """Both Secure and SameSite=Strict, for this one host; only the access cookie is for scripts."""
    cookies = await ann.cookies()
    flags = ("httpOnly", "secure", "sameSite", "path", "domain")
    assert {name: tuple(cookie[flag] for flag in flags) for name, cookie in cookies.items()} == {
        "refresh_token": (True, True, "Strict", "/", "app.localhost"),
        "access_token": (False, True, "Strict", "/", "app.localhost"),
    }
    lives = {name: cookie["expires"] - shop.clock() for name, cookie in cookies.items()}
    assert 0 < lives["access_token"] <= 15 * 60
    assert 6 * 86400 < lives["refresh_token"] <= 7 * 86400


async def test_browser_keeps_cookies_of_one_host(open_shop, profile):
    """The prefix __Host- says that no other host set them; browsers hold the attributes to it."""
    shop = await open_shop(
        cookie={"name": "__Host-refresh"}, access_cookie={"name": "__Host-access", "http_only": True}
    )
    ann = await shop.register("ann")
    tab = await Tab.open(profile, shop)
    await tab.page.goto(f"{shop.origin}/link?user={ann.id}")
    assert {name: cookie["httpOnly"] for name, cookie in (await tab.cookies()).items()} == {
        "__Host-refresh": True,
        "__Host-access": True,
    }
    assert await fetch(tab.page, f"{shop.origin}/api/session") == 200


async def test_scripts_cannot_read_the_refresh_token(ann):
    """Neither from the cookies nor from what login and refresh answer; the access token they can."""
    refresh, access = [(await ann.cookies())[name]["value"] for name in ("refresh_token", "access_token")]
    readable = await ann.page.evaluate("document.cookie")
    assert f"access_token={access}" in readable
    assert "refresh_token" not in readable
    body = await ann.page.evaluate("fetch('/auth/refresh', {method: 'POST'}).then((response) => response.text())")
    assert "accessToken" in body
    assert "refreshToken" not in body
    assert refresh not in readable + body
    assert await ann.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"


async def test_expired_token_refreshes_itself_in_the_open_page(open_shop, profile):
    """A token that lives two seconds: the page shows the next one, and the one after that, without a reload."""
    shop = await open_shop(access_expires_in=2, refresh_leeway=1)
    await shop.register("ann")
    tab = await Tab.open(profile, shop)
    await tab.log_in("ann")
    await tab.page.evaluate("window.never_reloaded = true")
    first, earlier = await tab.token.text_content(), await tab.refresh_token()
    await expect(tab.renewals).not_to_have_text("0")
    await expect(tab.renewals).not_to_have_text("1")
    assert await tab.token.text_content() != first
    assert await tab.refresh_token() != earlier
    assert await tab.page.evaluate("window.never_reloaded")
    await expect(tab.session).to_be_visible()
    assert not any(seen.path == "/auth/refresh" for seen in shop.seen)


async def test_two_tabs_stay_logged_in_through_twenty_refreshes(shop, ann, profile):
    """Both ask in the same moment each time; every time the refresh token is rotated, once."""
    other = await Tab.open(profile, shop)
    await expect(other.session).to_be_visible()
    refresh_tokens = {await ann.refresh_token()}
    for _ in range(20):
        shop.clock.advance(EXPIRED)
        answers = await asyncio.gather(ann.ask(), other.ask())
        assert [answer.status for answer in answers] == [200, 200]
        refresh_tokens.add(await ann.refresh_token())
    assert len(refresh_tokens) == 21
    await expect(ann.session).to_be_visible()
    await expect(other.session).to_be_visible()


async def test_parallel_requests_with_an_expired_token_all_pass(shop, ann):
    """Eight at once; the browser ends with a pair that works, now and after the next expiry."""
    for _ in range(2):
        shop.clock.advance(EXPIRED)
        calls = [fetch(ann.page, f"{shop.origin}/api/session") for _ in range(8)]
        assert await asyncio.gather(*calls) == [200] * 8


async def test_every_kind_of_response_brings_the_new_cookies(shop, ann):
    """The browser takes the rotated token from whatever answer it comes with."""
    answers = {"stream": 200, "file": 200, "redirect": 200, "missing": 404, "broken": 500}
    for kind, status in answers.items():
        earlier = await ann.refresh_token()
        shop.clock.advance(EXPIRED)
        assert (kind, await fetch(ann.page, f"{shop.origin}/kinds/{kind}")) == (kind, status)
        assert await ann.refresh_token() != earlier, kind


async def test_web_socket_handshake_brings_the_new_cookies(shop, ann):
    """A socket that is opened with an expired token opens, as the same user, and renews the pair."""
    earlier = await ann.refresh_token()
    shop.clock.advance(EXPIRED)
    assert await socket(ann.page, f"{shop.origin.replace('http', 'ws')}/socket") == "ann"
    assert await ann.refresh_token() != earlier
    assert (await ann.ask()).status == 200


async def test_logout_forgets_the_cookies(shop, ann):
    """Here and now; a copy of them is no good either."""
    copies = (await ann.cookies()).values()
    await ann.click("Log out here")
    await expect(ann.page.get_by_role("status")).to_have_text("You are logged out.")
    assert await ann.cookies() == {}
    await ann.page.context.add_cookies(list(copies))
    assert await fetch(ann.page, f"{shop.origin}/api/session") == 401


async def test_logout_everywhere_logs_the_other_tab_out(shop, ann, profile, new_profile):
    """The other tab of this browser notices by itself, another browser with its next request."""
    tab, elsewhere = await Tab.open(profile, shop), await Tab.open(await new_profile(), shop)
    await expect(tab.session).to_be_visible()
    await elsewhere.log_in("ann")
    await ann.click("Log out everywhere")
    await expect(ann.page.get_by_role("status")).to_have_text("You are logged out everywhere.")
    await expect(tab.entrance).to_be_visible()
    assert (await elsewhere.ask()).status == 401
    await expect(elsewhere.page.get_by_role("status")).to_have_text("The session has ended. Log in again.")


async def test_login_in_one_tab_shows_in_the_other(shop, profile):
    """Both tabs have the same cookies."""
    await shop.register("ann")
    tabs = [await Tab.open(profile, shop) for _ in range(2)]
    await tabs[0].log_in("ann")
    await expect(tabs[1].session).to_be_visible()


async def test_password_change_ends_every_session(shop, ann):
    """This one too, with its cookies; the new password is the one that works."""
    page = ann.page
    await page.get_by_label("Current password").fill("wrong horse")
    await page.get_by_label("New password").fill("battery staple")
    await ann.click("Change it")
    await expect(page.locator("#change-error")).to_contain_text("password")
    await page.get_by_label("Current password").fill(PASSWORD)
    await ann.click("Change it")
    await expect(page.get_by_role("status")).to_contain_text("The password was changed")
    assert await ann.cookies() == {}
    await ann.log_in("ann", "battery staple")


async def test_login_replaces_the_earlier_session(shop, ann):
    """A login over a session that is still there ends it: nobody could end it later."""
    copy = await ann.cookies()
    await ann.page.evaluate(
        """(body) => fetch("/auth/login", {method: "POST", headers: {"Content-Type": "application/json"}, body})""",
        f'{{"identifier": "ann", "password": "{PASSWORD}"}}',
    )
    await ann.page.context.add_cookies(list(copy.values()))
    assert await fetch(ann.page, f"{shop.origin}/api/session") == 401
