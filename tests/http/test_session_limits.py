"""The idle limit and the absolute limit of a session, and that no token outlives them."""

from __future__ import annotations

import pytest

from tests.support import assert_error, data_of

HOUR = 3600
LIMITS = {"refresh_expires_in": "3h", "session_expires_in": "8h", "access_expires_in": "30m"}


@pytest.fixture(params=["bearer", "cookie"])
def carriage(request):
    return request.param


async def test_the_idle_limit_ends_a_session_that_nobody_refreshed_for_so_long(make_api, clock):
    api = await make_api(**LIMITS)
    pair = await api.session()
    clock.advance(3 * HOUR - 1)
    data = await data_of(await api.refresh(pair.refresh_token))
    clock.advance(3 * HOUR)
    await assert_error(await api.refresh(data["refreshToken"]), 401, "TOKEN_EXPIRED")


async def test_requests_without_a_refresh_do_not_put_the_idle_limit_off(make_api, clock):
    api = await make_api(**LIMITS | {"access_expires_in": "3h"})
    pair = await api.session()
    for _ in range(2):
        clock.advance(HOUR)
        await data_of(await api.me(pair.access_token))
    clock.advance(HOUR)
    await assert_error(await api.me(pair.access_token), 401, "TOKEN_EXPIRED")
    await assert_error(await api.refresh(pair.refresh_token), 401, "TOKEN_EXPIRED")


async def test_the_absolute_limit_ends_a_session_however_often_it_was_refreshed(make_api, clock):
    api = await make_api(**LIMITS)
    begun = clock.now
    data = {"refreshToken": (await api.session()).refresh_token}
    while clock.now + HOUR < begun + 8 * HOUR:
        clock.advance(HOUR)
        data = await data_of(await api.refresh(data["refreshToken"]))
        claims = api.auth.verify_refresh_token(data["refreshToken"])
        assert claims.expires_at == min(clock.now + 3 * HOUR, begun + 8 * HOUR)
    clock.move_to(begun + 8 * HOUR - 1)
    data = await data_of(await api.refresh(data["refreshToken"]))
    await data_of(await api.me(data["accessToken"]))
    clock.advance(1)
    await assert_error(await api.refresh(data["refreshToken"]), 401, "TOKEN_EXPIRED")
    await assert_error(await api.me(data["accessToken"]), 401, "TOKEN_EXPIRED")


async def test_no_access_token_outlives_the_limit_that_comes_first(make_api, clock):
    api = await make_api(**LIMITS | {"access_expires_in": "6h"})
    begun = clock.now
    pair = await api.session()
    assert pair.access_expires_at == begun + 3 * HOUR  # the idle one
    for _ in range(3):
        clock.advance(2 * HOUR)
        pair = await api.auth.accounts.refresh(pair.refresh_token)
    assert pair.access_expires_at == begun + 8 * HOUR  # the absolute one


@pytest.mark.parametrize("carriage", ["cookie"], indirect=True)
async def test_a_silent_refresh_puts_off_the_idle_limit_and_not_the_absolute_one(make_api, clock):
    api = await make_api(**LIMITS)
    begun = clock.now
    token = (await api.session()).refresh_token
    for hour in range(1, 8):
        clock.advance(HOUR)
        shown = await api.call("GET", "/profile", headers={"Cookie": f"refresh_token={token}"})
        assert shown.status == 200
        token = shown.cookies["refresh_token"].value
        ends = min(clock.now + 3 * HOUR, begun + 8 * HOUR)
        assert int(shown.cookies["refresh_token"]["max-age"]) == ends - clock.now
        assert int(shown.cookies["access_token"]["max-age"]) == min(HOUR // 2, ends - clock.now)
        assert clock.now == begun + hour * HOUR
    clock.advance(HOUR)
    shown = await api.call("GET", "/profile", headers={"Cookie": f"refresh_token={token}"})
    await assert_error(shown, 401, "UNAUTHORIZED")
