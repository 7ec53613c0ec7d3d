"""The main API: who gets in, and whose orders are whose."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from shop.api import ORDERS, create_app, is_owner

from sentri_testing import (
    assert_all_routes_guarded,
    assert_authenticated,
    assert_cookie_flags,
    assert_envelope,
    assert_error,
    assert_route_refuses_hostile_tokens,
)
from sentri_testing.strategies import users

BOOK = {"item": "a book"}


def test_only_the_probe_is_open(sentri_auth_server):
    assert_all_routes_guarded(create_app(sentri_auth_server), public=["/health"])


@pytest.mark.parametrize("path", ["/profile", "/orders", "/orders/1"])
async def test_strangers_are_refused(shop, path):
    await assert_error(await shop.get(path), "UNAUTHORIZED")
    assert (await shop.get("/health")).status == 200


async def test_a_profile_is_its_owners(shop, as_user, sentri_carriage):
    alice = await as_user(shop, identifier="alice@example.com")
    assert alice.carriage == sentri_carriage
    await assert_authenticated(alice, "/profile", user=alice.user)


async def test_logs_in_with_a_password(shop, sentri_user):
    bob = await sentri_user.saved("bob")
    said = {"identifier": "bob", "password": bob.password}
    tokens = await assert_envelope(await shop.post("/auth/login", json=said))
    response = await shop.get("/profile", headers={"Authorization": f"Bearer {tokens['accessToken']}"})
    await assert_authenticated(response, user=bob)
    await assert_error(await shop.post("/auth/login", json={**said, "password": "a guess"}), "INVALID_CREDENTIALS")


@pytest.mark.sentri(cookie={}, access_cookie={})
async def test_browsers_get_cookies_that_stay_with_them(shop, sentri_user):
    bob = await sentri_user.saved()
    response = await shop.post("/auth/login", json={"identifier": bob.identifier, "password": bob.password})
    assert_cookie_flags(response, "refresh_token")
    assert_cookie_flags(response, "access_token")


async def test_tokens_expire_and_are_refreshed(shop, as_user, sentri_clock):
    alice = await as_user(shop)
    sentri_clock.advance("14m")
    await assert_authenticated(alice, "/profile")
    sentri_clock.advance("1m")
    await assert_error(await alice.get("/profile"), "TOKEN_EXPIRED")
    fresh = await assert_envelope(await shop.post("/auth/refresh", json={"refreshToken": alice.refresh_token}))
    assert (await shop.get("/profile", headers={"Authorization": f"Bearer {fresh['accessToken']}"})).status == 200


@pytest.mark.sentri(cookie={}, access_cookie={})
async def test_a_browser_notices_nothing_of_that(shop, as_user, sentri_clock):
    alice = await as_user(shop, carriage="cookie")
    before = alice.access_token
    sentri_clock.advance("20m")
    await assert_authenticated(alice, "/profile", user=alice.user)
    assert alice.access_token != before


@pytest.mark.sentri(session_expires_in="1d", refresh_expires_in="1d")
async def test_a_session_ends(shop, as_user, sentri_clock):
    alice = await as_user(shop)
    sentri_clock.advance("1d")
    assert (await shop.post("/auth/refresh", json={"refreshToken": alice.refresh_token})).status == 401


@pytest.mark.sentri(cookie={}, access_cookie={})
async def test_a_logout_clears_the_browser(shop, as_user):
    alice = await as_user(shop, carriage="cookie")
    response = await alice.post("/auth/logout")
    for name in ("refresh_token", "access_token"):
        assert_cookie_flags(response, name, cleared=True)
    assert alice.access_token is None


@pytest.mark.sentri(cookie={}, access_cookie={})
async def test_no_other_site_orders_for_a_browser(shop, as_user):
    alice = await as_user(shop, carriage="cookie")
    response = await alice.post("/orders", json=BOOK, headers={"Sec-Fetch-Site": "cross-site"})
    await assert_error(response, "FORBIDDEN")
    assert not shop.app[ORDERS]


async def test_a_logout_counts_at_once(shop, as_user, sentri_carriage):
    alice = await as_user(shop)
    phone = await as_user(shop, user=alice.user)
    await assert_envelope(await alice.post("/auth/logout"))
    await assert_error(await alice.get("/profile"), "UNAUTHORIZED")
    await assert_authenticated(phone, "/profile", user=alice.user)


async def test_who_is_disabled_is_out(shop, as_user, sentri_auth_server):
    alice = await as_user(shop)
    await sentri_auth_server.disable(alice.user)
    await assert_error(await alice.get("/profile"), "UNAUTHORIZED")


async def test_orders_are_their_owners_and_the_admins(shop, as_user):
    alice, bob = await as_user(shop), await as_user(shop)
    boss = await as_user(shop, roles=["admin"])
    order = await (await alice.post("/orders", json=BOOK)).json()
    place = f"/orders/{order['id']}"
    assert [(await someone.get(place)).status for someone in (alice, boss)] == [200, 200]
    await assert_error(await bob.get(place), "FORBIDDEN")
    await assert_error(await bob.get("/orders"), "FORBIDDEN")
    assert await (await boss.get("/orders")).json() == [order]


async def test_an_order_that_is_not_there_tells_so_to_admins_alone(shop, as_user):
    await assert_error(await (await as_user(shop)).get("/orders/9"), "FORBIDDEN")
    assert (await (await as_user(shop, roles=["admin"])).get("/orders/9")).status == 404


@pytest.mark.parametrize("body", [b"", b"a book", b"[]", b"{}", b'{"item": 3}', b'{"item": "\xff"}'])
async def test_an_order_without_an_item_is_none(shop, as_user, body):
    alice = await as_user(shop)
    await assert_error(await alice.post("/orders", data=body), "VALIDATION_ERROR", field="item")
    assert not shop.app[ORDERS]


async def test_an_order_that_is_repeated_is_one_order(shop, as_user, sentri_carriage):
    alice = await as_user(shop)
    key = {"Idempotency-Key": "6f1c"}
    answers = await asyncio.gather(*(alice.post("/orders", json=BOOK, headers=key) for _ in range(5)))
    assert {(answer.status, await answer.text()) for answer in answers} == {(201, await answers[0].text())}
    assert len(shop.app[ORDERS]) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == len(answers) - 1
    await assert_error(await alice.post("/orders", json={"item": "a pen"}, headers=key), "IDEMPOTENCY_MISMATCH")


@pytest.mark.parametrize(("path", "more"), [
    ("/profile", {}),
    ("/orders", {"method": "POST", "json": BOOK}),
    ("/orders", {"roles": ["admin"]}),
    ("/orders/1", {"roles": ["admin"]}),
])  # fmt: skip
async def test_refuses_every_hostile_token(shop, sentri_carriage, path, more):
    shop.app[ORDERS]["1"] = {"id": "1", "owner": "somebody", "item": "a book"}
    await assert_route_refuses_hostile_tokens(shop, path, carriage=sentri_carriage, **more)


@given(users(), users())
def test_nobody_owns_the_order_of_another(one, other):
    app = {ORDERS: {"1": {"owner": one.id}}}
    request = make_mocked_request("GET", "/orders/1", match_info={"id": "1"}, app=app)
    assert is_owner(request, one)
    assert not is_owner(request, other)
