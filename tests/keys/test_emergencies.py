"""What an ended key means for those who are in the middle of something, or have its tokens in good faith."""

from __future__ import annotations

import pytest
from aiohttp import DummyCookieJar, web

from sentri import SentriError, current_user
from sentri.keys.timeline import KeyTimes
from tests.support import Api, assert_error, serving


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """Nothing here asks the database anything of its own."""
    return request.param


async def page(request: web.Request) -> web.Response:
    return web.json_response(current_user(request).to_dict())


def site(auth) -> web.Application:
    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            try:
                await socket.send_str((await auth.recheck(request)).id)
            except SentriError as error:
                await socket.send_str(error.code)
        return socket

    app = web.Application()
    auth.setup(app)
    app.router.add_get("/page", auth.protect(page))
    app.router.add_get("/stream", auth.protect(stream))
    return app


@pytest.fixture
async def start(make_kept, database):
    """A function that starts a server; all of one test share the keys."""
    clients = []

    async def make(**options) -> Api:
        auth = make_kept(**options)
        clients.append(serving(site(auth), DummyCookieJar()))
        return Api(auth, await clients[-1].__aenter__(), database)

    yield make
    for client in clients:
        await client.__aexit__(None, None, None)


async def test_a_stream_ends_with_a_key_that_was_ended(start):
    """It may have begun with a token that whoever has the leaked key made."""
    api = await start()
    pair = await api.session()
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    async with api.client.ws_connect("/stream", headers=headers) as socket:
        await socket.send_str("?")
        assert await socket.receive_str() == pair.user.id
        await api.auth.keys.retire(now=True)
        await socket.send_str("?")
        assert await socket.receive_str() == "TOKEN_INVALID"


async def test_a_stream_outlives_a_key_that_retired_in_its_order(start, clock):
    api = await start(times=KeyTimes(notice=0.05), refresh_expires_in="7d")
    pair = await api.session()
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    async with api.client.ws_connect("/stream", headers=headers) as socket:
        await api.auth.keys.rotate()
        clock.advance(4000)
        assert [key.state for key in await api.auth.keys.list()][:2] == ["retired", "signing"]
        await socket.send_str("?")
        assert await socket.receive_str() == pair.user.id


async def test_a_browser_with_a_cookie_of_an_ended_key_is_refreshed_silently(start):
    """Users stay logged in through an emergency, without doing anything."""
    api = await start(cookie={}, access_cookie={})
    pair = await api.session()
    await api.auth.keys.retire(now=True)
    cookies = f"access_token={pair.access_token}; refresh_token={pair.refresh_token}"
    response = await api.call("GET", "/page", headers={"Cookie": cookies})
    assert response.status == 200
    assert (await response.json())["id"] == pair.user.id
    fresh = response.cookies["access_token"].value
    assert (await api.call("GET", "/page", headers={"Cookie": f"access_token={fresh}"})).status == 200
    alone = await api.call("GET", "/page", headers={"Cookie": f"access_token={pair.access_token}"})
    await assert_error(alone, 401, "UNAUTHORIZED")
    await assert_error(await api.call("GET", "/page", headers={"Authorization": f"Bearer {pair.access_token}"}), 401,
                       "TOKEN_INVALID")  # fmt: skip


async def test_another_process_logs_out_with_the_first_token_of_a_new_key(start):
    here, there = await start(), await start(times=KeyTimes(notice=30))
    pair = await here.session()
    await here.auth.keys.retire(now=True)
    after = await here.auth.accounts.refresh(pair.refresh_token)
    assert (await there.post("/auth/logout", token=after.access_token)).status == 200
    await assert_error(await here.me(after.access_token), 401, "UNAUTHORIZED")
