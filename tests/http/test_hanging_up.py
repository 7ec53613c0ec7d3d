"""Clients that hang up while their request is carried out, where aiohttp cancels handlers for it."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from aiohttp import web

from sentri.passwords import schemes
from sentri.storage import Sessions, Users
from tests.idempotency.application import until
from tests.support import PASSWORD, Api, held_after, host_application


@pytest.fixture
async def server(make_auth, database, carriage, hooks):
    """The API, and the port that it answers at."""
    cookies = {} if carriage == "bearer" else {"cookie": {}, "access_cookie": {}}
    auth = make_auth(hooks=hooks, **cookies)
    runner = web.AppRunner(host_application(auth), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Api(auth, None, database, carriage), runner.addresses[0][1]
    await runner.cleanup()


async def send(port, method, path, body, headers=""):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    text = json.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    writer.write(f"{head}{headers}\r\n{text}".encode())
    await writer.drain()
    return writer


async def hang_up(writer):
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)  # until the server has noticed


def shown(pair, carriage):
    if carriage == "bearer":
        return f"Authorization: Bearer {pair.access_token}\r\n"
    return f"Cookie: access_token={pair.access_token}; refresh_token={pair.refresh_token}\r\n"


@pytest.mark.parametrize("what", ["password", "logout", "reuse"])
async def test_what_was_written_is_told_though_nobody_waits_for_the_answer(server, monkeypatch, told, clock, what):
    """Else whoever steals a session changes its password, and hangs up before the owner is told."""
    api, port = server
    pair = await api.session()
    user, session = pair.user.id, pair.user.session_id
    if what == "reuse":
        await api.auth.accounts.refresh(pair.refresh_token)
        clock.advance(61)
    method, path, body, expected = {
        "password": (
            *("PATCH", "/auth/me/password", {"currentPassword": PASSWORD, "newPassword": "another horse"}),
            ("on_password_change", user),
        ),
        "logout": ("POST", "/auth/logout", {}, ("on_logout", user)),
        "reuse": (
            *("POST", "/auth/refresh", {"refreshToken": pair.refresh_token}),
            ("on_token_reuse", user, session, False),
        ),
    }[what]
    done, go_on = held_after(monkeypatch, *((Users, "change_password") if what == "password" else (Sessions, "end")))
    writer = await send(port, method, path, body, shown(pair, api.carriage))
    async with asyncio.timeout(5):
        await done.wait()
    await hang_up(writer)
    assert told == []
    go_on.set()
    await until(lambda: told == [expected])


async def test_who_waits_for_a_hash_leaves_the_line(server, monkeypatch, told):
    """Nothing was written yet, and the work is for nobody."""
    api, port = server
    names = [(await api.user()).identifier for _ in range(40)]
    gate, checked, real = threading.Event(), [], schemes.bcrypt.checkpw

    def check(*given):
        checked.append(given)
        return gate.wait(20) and real(*given)

    monkeypatch.setattr(schemes.bcrypt, "checkpw", check)
    logins = [await send(port, "POST", "/auth/login", {"identifier": name, "password": PASSWORD}) for name in names]
    await until(lambda: checked)
    for writer in logins:
        await hang_up(writer)
    gate.set()
    await api.auth.accounts.login(names[0], PASSWORD)  # behind all of them
    assert len(checked) < len(names) / 2
    assert told == []
