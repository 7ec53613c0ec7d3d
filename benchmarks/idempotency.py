"""What a key costs: a first POST and a replay, beside the bare handler and a middleware written by hand.

    python benchmarks/idempotency.py [--redis redis://127.0.0.1:6379/0] [--rounds 30] [--requests 200]

One server process has all the applications; one client sends one request after another over one connection to each.
The contenders take turns, round by round, so that whatever else the machine does hits all of them. The figures are
medians of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import secrets
import socket
import statistics
import time
import uuid
from multiprocessing.connection import Connection
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

import sentri

BODY = b'{"product": "a book", "amount": 3, "currency": "EUR", "note": "please wrap it"}'


async def order(request: web.Request) -> web.Response:
    """The bare handler: reads its body and answers with JSON."""
    asked = await request.json()
    return web.json_response({"id": 1, "product": asked["product"]}, status=201)


def by_hand() -> Middleware:
    """What one writes in ten minutes: a dict; no waiting, no caller, no fingerprint, no bound, no expiry."""
    kept: dict[str, tuple[int, dict[str, str], Any]] = {}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return await handler(request)
        if key in kept:
            status, headers, body = kept[key]
            return web.Response(status=status, headers=headers, body=body)
        response = cast("web.Response", await handler(request))
        kept[key] = response.status, {"Content-Type": response.headers["Content-Type"]}, response.body
        return response

    return middleware


async def serve(ports: Connection, redis_url: str, namespace: str) -> None:
    """Serve every contender on a port of its own."""
    middlewares = {
        "bare": [],
        "dict": [by_hand()],
        "memory": [sentri.create_idempotency_middleware(max_size=1_000_000)],
        "redis": [sentri.create_idempotency_middleware(redis_url=redis_url, namespace=namespace, ttl="1m")],
    }
    found = {}
    for name, used in middlewares.items():
        app = web.Application(middlewares=used)
        app.router.add_post("/orders", order)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found[name] = runner.addresses[0][1]
    ports.send(found)
    await asyncio.Event().wait()


def server(ports: Connection, redis_url: str, namespace: str) -> None:
    asyncio.run(serve(ports, redis_url, namespace))


class Client:
    """One connection, one request after another."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, key: str) -> bool:
        """Whether the answer was a replay."""
        head = f"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
        self._socket.sendall(f"{head}Idempotency-Key: {key}\r\n\r\n".encode() + BODY)
        answer = b""
        while not answer.endswith(b"}"):
            answer += self._socket.recv(65536)
        if not answer.startswith(b"HTTP/1.1 201"):
            raise SystemExit(answer.decode())
        return b"Idempotent-Replayed" in answer

    def time(self, keys: list[str], *, replays: bool | None) -> float:
        """Microseconds a request."""
        begun = time.perf_counter()
        replayed = [self.post(key) for key in keys]
        taken = time.perf_counter() - begun
        if replays is not None and set(replayed) != {replays}:
            raise SystemExit("that was not what was to be measured")
        return taken / len(keys) * 1e6


def measure(ports: dict[str, int], rounds: int, requests: int) -> dict[tuple[str, str], list[float]]:
    clients = {name: Client(port) for name, port in ports.items()}
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds + 2):
        for name, client in clients.items():
            keys = [str(uuid.uuid4()) for _ in range(requests)]
            ours = name in {"memory", "redis"}
            for what in ("first", "replay"):
                taken = client.time(keys, replays=(what == "replay") if ours else None)
                if number >= 2:  # two rounds to warm up
                    times.setdefault((name, what), []).append(taken)
    return times


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--requests", type=int, default=200)
    given = arguments.parse_args()
    namespace = f"sentri-benchmark-{secrets.token_hex(4)}"
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=server, args=(theirs, given.redis, namespace), daemon=True)
    process.start()
    times = measure(ours.recv(), given.rounds, given.requests)
    process.terminate()
    bare = statistics.median(times["bare", "first"] + times["bare", "replay"])
    print("| contender | first, µs | times bare | replay, µs | times bare |\n|---|---|---|---|---|")
    print(f"| bare handler | {bare:.0f} | 1.00 | | |")
    for name, shown in {"dict": "dict by hand", "memory": "sentri, memory", "redis": "sentri, Redis"}.items():
        first, replay = (statistics.median(times[name, what]) for what in ("first", "replay"))
        print(f"| {shown} | {first:.0f} | {first / bare:.2f} | {replay:.0f} | {replay / bare:.2f} |")


if __name__ == "__main__":
    main()
