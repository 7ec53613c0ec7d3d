"""The middleware in an application: the explicit form, `setup`, and what happens at the end."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import DummyCookieJar, web

import sentri
from sentri import SentriError
from tests.idempotency.application import Counter, Running, new_key, replayed, until
from tests.support import serving


def explicit(auth, app):
    app.middlewares.extend([auth.error_middleware(), auth.idempotency_middleware()])
    app.add_subapp("/auth", auth.app())


def one_line(auth, app):
    auth.setup(app)


@pytest.mark.parametrize("wire", [explicit, one_line])
async def test_both_forms_keep_answers(make_auth, backend, wire):
    handler, key = Counter(), new_key()
    app = web.Application()
    auth = make_auth(**backend)
    wire(auth, app)
    app.router.add_post("/", handler.handle)
    async with serving(app, DummyCookieJar()) as client:
        answers = [await Running(client, None).post("/", key) for _ in range(2)]
    assert [replayed(each) for each in answers] == [False, True]
    assert len(handler.runs) == 1


async def test_anonymous_callers_behind_a_trusted_proxy_are_told_apart(make_auth, backend):
    """One of them gets nobody else's answer, and counts for nobody else's share of the memory."""
    handler, key = Counter(), new_key()
    app = web.Application()
    make_auth(trusted_proxies=["127.0.0.1"], **backend).setup(app)
    app.router.add_post("/", handler.handle)
    visitors = ["203.0.113.7", "198.51.100.9", "2001:db8::1", "2001:db8::2", "203.0.113.7"]
    async with serving(app, DummyCookieJar()) as client:
        answers = [
            await Running(client, None).post("/", key, headers={"X-Forwarded-For": address}) for address in visitors
        ]
    assert [replayed(each) for each in answers] == [False] * 4 + [True]
    assert len(handler.runs) == 4


async def test_setup_can_leave_it_out(make_auth):
    handler, key = Counter(), new_key()
    app = web.Application()
    make_auth().setup(app, idempotency=False)
    app.router.add_post("/", handler.handle)
    async with serving(app) as client:
        for _ in range(2):
            await Running(client, None).post("/", key)
    assert len(handler.runs) == 2


def test_setup_takes_no_riddles(make_auth):
    with pytest.raises(SentriError, match="idempotency is 'yes'"):
        make_auth().setup(web.Application(), idempotency="yes")


async def test_the_auth_object_ends_what_runs_and_closes_the_connections(make_auth, own_redis):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    app = web.Application()
    make_auth(redis_url=own_redis.url).setup(app)
    app.router.add_post("/", handler.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
    writer.write(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nIdempotency-Key: {key}\r\n\r\n".encode())
    await handler.started.wait()
    assert own_redis.connections() > 0
    writer.close()
    await writer.wait_closed()
    asyncio.get_running_loop().call_later(0.1, handler.gate.set)
    await runner.cleanup()
    assert (handler.runs, handler.at_once) == ([b""], 0)
    await until(lambda: own_redis.connections() == 0)  # Redis notices a little later


async def test_an_auth_object_that_is_only_opened_closes_its_middlewares_too(make_auth, own_redis):
    """Where nothing of it is mounted: `async with auth` is all the life that it has."""
    auth, handler = make_auth(redis_url=own_redis.url), Counter()

    async def opened(_):
        async with auth:
            yield

    app = web.Application(middlewares=[auth.error_middleware(), auth.idempotency_middleware()])
    app.cleanup_ctx.append(opened)
    app.router.add_post("/", handler.handle)
    async with serving(app, DummyCookieJar()) as client:
        assert (await Running(client, None).post("/", new_key())).status == 201
        assert own_redis.connections() > 0
    await until(lambda: own_redis.connections() == 0)


async def test_shutting_down_lets_a_request_with_a_client_finish_and_then_closes_the_connections(own_redis):
    handler, key = Counter(), new_key()
    handler.gate.clear()
    middleware = sentri.create_idempotency_middleware(redis_url=own_redis.url)
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/", handler.handle)
    app.on_shutdown.append(middleware.close)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as client:
        request = asyncio.create_task(client.post(url, headers={"Idempotency-Key": key}))
        await handler.started.wait()
        ending = asyncio.create_task(runner.cleanup())
        await asyncio.sleep(0.1)
        handler.gate.set()
        assert (await request).status == 201
        await ending
    await until(lambda: own_redis.connections() == 0)  # Redis notices a little later


async def test_one_middleware_object_serves_two_applications_apart(backend):
    handler, key = Counter(), new_key()
    middleware = sentri.create_idempotency_middleware(**backend)
    outer = web.Application()
    for prefix in ("/one", "/two"):
        app = web.Application(middlewares=[middleware])
        app.router.add_post("/x", handler.handle)
        outer.add_subapp(prefix, app)
    outer.on_shutdown.append(middleware.close)
    async with serving(outer) as client:
        running = Running(client, middleware)
        for path in ("/one/x", "/two/x"):
            assert [replayed(await running.post(path, key)) for _ in range(2)] == [False, True]
    assert len(handler.runs) == 2
