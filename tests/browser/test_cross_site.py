"""No other origin can use the cookies: what it sends is refused, and the user stays who they were."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.sites import Tab, fetch, follow_link, socket, submit
from tests.browser.test_session import EXPIRED
from tests.support import PASSWORD

JSON = {"Content-Type": "application/json"}


async def elsewhere(profile, origin):
    """A tab of the same browser, at somebody else's."""
    page = await profile.new_page()
    await page.goto(origin)
    return page


async def test_refuses_form_posts_of_others(shop, ann, profile, foreign):
    """403 where the cookies come along, as from an origin of the same site; nothing happens anywhere."""
    before = await ann.cookies()
    same_site = "app.localhost" in foreign
    page = await elsewhere(profile, foreign)
    for path in ("/auth/logout", "/auth/logout-all", "/auth/refresh", "/api/orders"):
        await page.goto(foreign)
        response = await submit(page, shop.origin + path, {"amount": "1"})
        # A route of the host's asks for a token first: without the cookies there is none.
        assert response.status == (403 if same_site or path.startswith("/auth") else 401)
        sent = (await shop.answered("POST", path)).cookies
        assert sent == ({"access_token", "refresh_token"} if same_site else set())
    assert shop.orders == []
    assert await ann.cookies() == before
    assert (await ann.ask()).status == 200


async def test_refuses_login_forms_of_others(shop, ann, profile, foreign):
    """Nobody is logged in as somebody else: a form that looks like JSON is refused before it is read."""
    await shop.register("mallory")
    before = await ann.cookies()
    page = await elsewhere(profile, foreign)
    crafted = f'{{"identifier": "mallory", "password": "{PASSWORD}", "'
    response = await submit(page, f"{shop.origin}/auth/login", {crafted: '": 0}'})
    assert (response.status, (await response.json())["code"]) == (403, "FORBIDDEN")
    assert await ann.cookies() == before


async def test_refuses_fetches_of_others(shop, ann, profile, foreign):
    """What needs no preflight is refused by the server, what needs one is not even sent."""
    before = await ann.cookies()
    page = await elsewhere(profile, foreign)
    for path in ("/auth/logout-all", "/api/orders"):
        assert await fetch(page, shop.origin + path, method="POST", mode="no-cors", body="{}") == "opaque"
        same_site = "app.localhost" in foreign
        assert (await shop.answered("POST", path)).status == (403 if same_site or path.startswith("/auth") else 401)
        assert await fetch(page, shop.origin + path, method="POST", body="{}") == "blocked"
    for method, path in (("POST", "/auth/refresh"), ("PATCH", "/auth/me/password"), ("POST", "/api/orders")):
        earlier = len(shop.seen)
        assert await fetch(page, shop.origin + path, method=method, headers=JSON, body="{}") == "blocked"
        assert [seen.method for seen in shop.seen[earlier:]] == ["OPTIONS"]
    assert shop.orders == []
    assert await ann.cookies() == before
    assert (await ann.ask()).status == 200


async def test_own_page_may_order(shop, ann):
    """The refusals are about others: the same request from the site's own page passes."""
    assert await fetch(ann.page, f"{shop.origin}/api/orders", method="POST", body="{}") == 200
    assert shop.orders == ["ann"]


async def test_refuses_web_sockets_of_others(shop, ann, profile, foreign):
    """CORS does not hold them back; the handshake is refused."""
    page = await elsewhere(profile, foreign)
    assert await socket(page, f"{shop.origin.replace('http', 'ws')}/socket") == "refused"
    assert (await shop.answered("GET", "/socket")).status == (403 if "app.localhost" in foreign else 401)


async def test_strict_cookies_do_not_follow_a_link_from_another_site(shop, ann, profile, evil):
    """The page that the link opens does not know the user; what that page itself asks for does."""
    page = await elsewhere(profile, evil)
    await follow_link(page, f"{shop.origin}/whoami")
    await expect(page.get_by_text("nobody")).to_be_visible()
    await page.goto(evil)
    await follow_link(page, f"{shop.origin}/")
    await expect(Tab(page, shop).session).to_be_visible()


async def test_link_from_another_site_may_log_in(shop, profile, evil):
    """A link in a mail: the cookies are kept, and the page that the redirect leads to uses them, Strict or not."""
    ann = await shop.register("ann")
    page = await elsewhere(profile, evil)
    await follow_link(page, f"{shop.origin}/link?user={ann.id}", arriving=f"{shop.origin}/")
    await expect(Tab(page, shop).session).to_be_visible()


async def test_lax_cookies_follow_a_link_from_another_site(open_shop, profile, evil):
    """With an expired token too: somebody who follows a link is refreshed silently."""
    shop = await open_shop(cookie={"same_site": "Lax"}, access_cookie={"same_site": "Lax"})
    await shop.register("ann")
    tab = await Tab.open(profile, shop)
    await tab.log_in("ann")
    page = await elsewhere(profile, evil)
    await follow_link(page, f"{shop.origin}/whoami")
    await expect(page.get_by_text("ann")).to_be_visible()
    earlier = await tab.refresh_token()
    shop.clock.advance(EXPIRED)
    await page.goto(evil)
    await follow_link(page, f"{shop.origin}/whoami")
    await expect(page.get_by_text("ann")).to_be_visible()
    assert await tab.refresh_token() != earlier
    await page.goto(evil)
    assert (await submit(page, f"{shop.origin}/api/orders", {})).status == 401  # Lax is for links


async def test_cookies_for_every_site_are_still_not_for_others_to_use(open_shop, profile, evil):
    """SameSite=None: they come along from anywhere; changes are refused, and nothing but a link is refreshed."""
    shop = await open_shop(cookie={"same_site": "None"}, access_cookie={"same_site": "None"})
    await shop.register("ann")
    tab = await Tab.open(profile, shop)
    await tab.log_in("ann")
    page = await elsewhere(profile, evil)
    assert (await submit(page, f"{shop.origin}/api/orders", {})).status == 403
    assert (await shop.answered("POST", "/api/orders")).cookies == {"access_token", "refresh_token"}
    await page.goto(evil)
    assert (await submit(page, f"{shop.origin}/auth/logout-all", {})).status == 403
    assert shop.orders == []
    before = await tab.cookies()
    shop.clock.advance(EXPIRED)
    await page.goto(evil)
    assert await fetch(page, f"{shop.origin}/api/session", mode="no-cors") == "opaque"
    asked = await shop.answered("GET", "/api/session")
    assert (asked.status, asked.cookies) == (401, {"access_token", "refresh_token"})
    await page.evaluate(
        """(src) => new Promise((loaded) => document.body.append(
            Object.assign(document.createElement("iframe"), {src, onload: loaded})))""",
        f"{shop.origin}/whoami",
    )
    await expect(page.frame_locator("iframe").get_by_text("nobody")).to_be_visible()
    assert await tab.cookies() == before
    await follow_link(page, f"{shop.origin}/whoami")
    await expect(page.get_by_text("ann")).to_be_visible()
