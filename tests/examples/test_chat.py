"""`examples/chat` as `make example-chat` runs it: connections end with their sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from tests.examples.running import address_in, running

PASSWORD = "correct horse battery"


@pytest.fixture
def chat():
    """Where it runs; sessions are looked at five times a second."""
    with running("chat/app.py", CHAT_PORT="0", CHAT_LOOK_AGAIN="0.2") as line:
        yield address_in(line)


@pytest.fixture
async def browser(chat) -> AsyncIterator:
    """Makes clients that keep cookies, as browsers do on localhost."""
    made = []

    async def make(name: str) -> aiohttp.ClientSession:
        client = aiohttp.ClientSession(chat, cookie_jar=aiohttp.CookieJar(treat_as_secure_origin=[chat]))
        made.append(client)
        body = {"identifier": name, "password": PASSWORD}
        await (await client.post("/auth/register", json=body)).read()
        assert (await client.post("/auth/login", json=body)).status == 200
        return client

    yield make
    for client in made:
        await client.close()


async def heard(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    async with asyncio.timeout(20):
        return await socket.receive()


async def test_what_one_says_all_hear(browser):
    ann, bob = await browser("ann"), await browser("bob")
    async with ann.ws_connect("/chat") as of_ann, bob.ws_connect("/chat") as of_bob:
        await of_ann.send_str("hello")
        for socket in (of_ann, of_bob):
            assert (await heard(socket)).json() == {"from": "ann", "text": "hello"}


async def test_nobody_enters_who_is_not_logged_in(chat):
    async with aiohttp.ClientSession(chat) as nobody:
        with pytest.raises(WSServerHandshakeError) as refused:
            await nobody.ws_connect("/chat")
        assert refused.value.status == 401


async def test_another_site_opens_no_connection_of_a_logged_in_browser(browser):
    ann = await browser("ann")
    with pytest.raises(WSServerHandshakeError) as refused:
        await ann.ws_connect("/chat", headers={"Origin": "https://evil.example"})
    assert refused.value.status == 403


@pytest.mark.parametrize("ending", ["/auth/logout", "/auth/logout-all"])
async def test_a_logout_closes_the_connections_of_its_session_and_no_others(browser, ending):
    ann, bob = await browser("ann"), await browser("bob")
    async with ann.ws_connect("/chat") as of_ann, bob.ws_connect("/chat") as of_bob:
        assert (await ann.post(ending)).status == 200
        closed = await heard(of_ann)
        assert (closed.type, closed.data, closed.extra) == (WSMsgType.CLOSE, 4401, "UNAUTHORIZED")
        await of_bob.send_str("still here")
        assert (await heard(of_bob)).json() == {"from": "bob", "text": "still here"}


async def test_a_session_that_expires_closes_its_connection():
    with running("chat/app.py", CHAT_PORT="0", CHAT_LOOK_AGAIN="0.2", CHAT_SESSION_EXPIRES_IN="3s") as line:
        chat = address_in(line)
        async with aiohttp.ClientSession(chat, cookie_jar=aiohttp.CookieJar(treat_as_secure_origin=[chat])) as ann:
            body = {"identifier": "ann", "password": PASSWORD}
            await ann.post("/auth/register", json=body)
            await ann.post("/auth/login", json=body)
            async with ann.ws_connect("/chat") as socket:
                assert (await heard(socket)).data == 4401
