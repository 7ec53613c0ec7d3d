"""An application whose keyed requests are counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from sentri.config.idempotency import IdempotencyOptions
from sentri.idempotency.record import Store
from sentri.web.idempotency import IdempotencyMiddleware
from tests.support import serving


def new_key() -> str:
    return str(uuid.uuid4())


class Running:
    """An application that runs."""

    def __init__(self, client: TestClient[web.Request, web.Application], middleware: IdempotencyMiddleware) -> None:
        self.client = client
        self.middleware = middleware

    async def post(self, path: str, key: str | None = None, body: Any = None, **more: Any) -> ClientResponse:
        """One request, whose answer was read."""
        headers = {**more.pop("headers", {}), **({} if key is None else {"Idempotency-Key": key})}
        response = await self.client.request(more.pop("method", "POST"), path, headers=headers, data=body, **more)
        await response.read()
        return response


class Counter:
    """A handler that counts its runs, and answers with their number.

    Attributes:
        runs: the bodies that it was sent.
        gate: closed, it makes the handler wait.
        started: set when a run has begun.
    """

    def __init__(self, answer: Any = None) -> None:
        self.runs: list[bytes] = []
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.at_once = 0
        self._answer = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.runs.append(await request.read())
            self.started.set()
            await self.gate.wait()
            if self._answer is not None:
                return await self._answer(request)
            return web.json_response({"run": len(self.runs)}, status=201)
        finally:
            self.at_once -= 1


async def until(condition: Callable[[], object]) -> None:
    """Returns once it is true; nobody tells when."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def sharing(store: Store, handler: Counter, *, lease: float, **options: Any) -> AsyncIterator[Running]:
    """An application on a store that gives up a run after `lease` seconds, unless it is renewed."""
    middleware = IdempotencyMiddleware(
        IdempotencyOptions.read(options), store, authority=None, logger=logging.getLogger("sentri"), lease=lease
    )
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/", handler.handle)
    app.on_shutdown.append(middleware.close)
    async with serving(app) as client:
        yield Running(client, middleware)


def replayed(response: ClientResponse) -> bool:
    return response.headers.get("Idempotent-Replayed") == "true"


async def refused(response: ClientResponse, status: int, code: str) -> str:
    """The message of an envelope that refuses the request."""
    body = json.loads(await response.read())
    assert (response.status, body["code"], body["error"], body["data"]) == (status, code, True, None)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert not replayed(response)
    return str(body["message"])
