"""Clients that go away, with handlers that aiohttp cancels then (TestServer) and that it does not (`run_app`)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web

import sentri
from sentri.idempotency.memory import MemoryStore
from tests.idempotency.application import Counter, new_key, replayed, sharing, until


class Handler:
    """Waits for its gate, and tells how it ended."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.started = asyncio.Event()
        self.fails = False
        self.ended: list[str] = []

    async def handle(self, request):
        self.started.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("failed" if self.fails else "finished")
        if self.fails:
            raise ValueError("nobody hears of this but the log")
        return web.json_response({"run": len(self.ended)})


@contextlib.asynccontextmanager
async def served(handler, *, cancelling, outside=(), **options):
    """The port of an application, as `run_app` or as aiohttp's TestServer serves it."""
    middleware = sentri.create_idempotency_middleware(**options)
    app = web.Application(middlewares=[*outside, middleware])
    app.router.add_post("/", handler.handle)
    app.on_shutdown.append(middleware.close)
    runner = web.AppRunner(app, handler_cancellation=cancelling)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def send(port, key):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nIdempotency-Key: {key}\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


async def go_away(writer):
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)  # until the server has noticed


async def answered(port, key):
    reader, writer = await send(port, key)
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        body = (await reader.readexactly(length)).decode()
    writer.close()
    await writer.wait_closed()
    return head.partition("\r\n")[0], "Idempotent-Replayed: true" in head, body


@pytest.mark.parametrize("cancelling", [True, False])
async def test_the_work_runs_to_its_end_and_the_retry_finds_the_answer(backend, cancelling):
    handler, key = Handler(), new_key()
    async with served(handler, cancelling=cancelling, **backend) as port:
        _, writer = await send(port, key)
        await handler.started.wait()
        await go_away(writer)
        retry = asyncio.create_task(answered(port, key))
        await asyncio.sleep(0.02)
        handler.gate.set()
        assert await retry == ("HTTP/1.1 200 OK", True, '{"run": 1}')
    assert handler.ended == ["finished"]


@pytest.mark.parametrize("cancelling", [True, False])
async def test_without_completion_a_cancelled_handler_frees_the_key(backend, cancelling):
    handler, key = Handler(), new_key()
    async with served(handler, cancelling=cancelling, complete_on_disconnect=False, **backend) as port:
        _, writer = await send(port, key)
        await handler.started.wait()
        await go_away(writer)
        if cancelling:
            await until(lambda: handler.ended == ["cancelled"])
        assert handler.ended == (["cancelled"] if cancelling else [])
        handler.gate.set()
        _, replayed, body = await answered(port, key)
    assert (replayed, body) == ((False, '{"run": 2}') if cancelling else (True, '{"run": 1}'))


async def test_a_failure_after_the_client_has_gone_frees_the_key_and_is_logged(backend, caplog):
    handler, key = Handler(), new_key()
    handler.fails = True
    async with served(handler, cancelling=True, **backend) as port:
        _, writer = await send(port, key)
        await handler.started.wait()
        await go_away(writer)
        handler.gate.set()
        await asyncio.sleep(0.02)
        handler.fails = False
        assert await answered(port, key) == ("HTTP/1.1 200 OK", False, '{"run": 2}')
    assert "nobody hears of this" in caplog.text
    assert "client had gone" in caplog.text


async def test_the_body_of_a_client_that_went_away_before_the_handler_read_it_is_there(backend):
    """It was received, and its fingerprint taken: the work has all that it needs."""
    gate, read, key = asyncio.Event(), [], new_key()

    class Late:
        async def handle(self, request):
            await gate.wait()
            read.append(await request.text())
            return web.json_response({"run": len(read)})

    async with served(Late(), cancelling=False, **backend) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nIdempotency-Key: {key}\r\n\r\n"
        writer.write(f"{head}hello".encode())
        await writer.drain()
        await asyncio.sleep(0.05)
        await go_away(writer)
        gate.set()
        await until(lambda: read == ["hello"])


async def test_shutting_down_waits_for_the_work_of_clients_that_have_gone(backend):
    handler, key = Handler(), new_key()
    async with served(handler, cancelling=True, **backend) as port:
        _, writer = await send(port, key)
        await handler.started.wait()
        await go_away(writer)
        asyncio.get_running_loop().call_later(0.1, handler.gate.set)
    assert handler.ended == ["finished"]


async def test_work_that_a_time_limit_gave_up_writes_nothing_into_the_next_response(backend):
    """The connection lives: only work whose client has gone is left alone."""
    ended, runs, key = [], [], new_key()

    @web.middleware
    async def limit(request, handler):
        try:
            async with asyncio.timeout(0.1):
                return await handler(request)
        except TimeoutError:
            return web.Response(status=504)

    class Streaming:
        async def handle(self, request):
            runs.append(request)
            if len(runs) > 1:
                return web.Response(text="second")
            try:
                await asyncio.sleep(0.3)
            finally:
                ended.append(request)
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"SECRET")
            return response

    async with served(Streaming(), cancelling=True, outside=[limit], **backend) as port:
        reader, writer = await send(port, key)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 504")
        assert len(ended) == 1, "it was cancelled, as it is without a key"
        await asyncio.sleep(0.4)
        writer.write(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nIdempotency-Key: {key}\r\n\r\n".encode())
        data = await reader.readuntil(b"second")
        assert (data.count(b"HTTP/1.1"), b"SECRET" in data) == (1, False)
        writer.close()
        await writer.wait_closed()


class Slow(MemoryStore):
    """Takes its time over an answer."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.hears = asyncio.Event()

    async def complete(self, scope, fingerprint, owner, answer):
        self.hears.set()
        await asyncio.sleep(0.2)
        return await super().complete(scope, fingerprint, owner, answer)


async def test_what_has_run_is_recorded_though_the_client_goes_away_meanwhile():
    handler, key = Counter(), new_key()
    store = Slow(ttl=60, lease=0.5, max_size=100, max_bytes=1 << 20)
    async with sharing(store, handler, lease=0.5, complete_on_disconnect=False) as running:
        first = asyncio.create_task(running.post("/", key))
        await store.hears.wait()
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        assert replayed(await running.post("/", key))
    assert len(handler.runs) == 1
