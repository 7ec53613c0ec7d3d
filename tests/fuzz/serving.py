"""A real auth server on a socket, in a thread of its own: what the generated requests of this folder are sent to."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import InvalidURL, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from sentri import TokenPair, create_auth, current_user
from sentri_testing.server import TestAuthServer
from sentri_testing.users import SavedUser

T = TypeVar("T")


class Running:
    """An application that runs in a thread until the block is left.

    Attributes:
        address: host and port of its socket.
        records: what it logged, at ERROR or above.
        reached: how many requests got into a handler of the host's.
    """

    def __init__(self, make_app: Callable[[], Awaitable[web.Application]]) -> None:
        self._make_app = make_app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self.address = ("127.0.0.1", 0)
        self.records: list[logging.LogRecord] = []
        self._keeping = _Keeping(self.records)
        self.reached = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop())
        self.call(self._loop.shutdown_asyncgens())  # as `asyncio.run` does: an auth object that is open still closes
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of something that runs in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def faults(self) -> list[str]:
        """What it logged that no request may cause: errors and tracebacks, but for aiohttp's own about bytes that are
        no HTTP, or no gzip where the headers call them so, or that it quotes from an `Expect` header.
        """
        return [record.getMessage() for record in self.records if not _is_about_bytes(record)]

    async def _start(self) -> None:
        for name in ("sentri", "aiohttp", "asyncio"):
            logging.getLogger(name).addHandler(self._keeping)
        self._runner = web.AppRunner(await self._make_app(), access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, *self.address)
        await site.start()
        self.address = self._runner.addresses[0][:2]

    async def _stop(self) -> None:
        _count(self._runner.server.requests_count)
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # connections whose clients hung up in the middle
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for name in ("sentri", "aiohttp", "asyncio"):
            logging.getLogger(name).removeHandler(self._keeping)


def _count(requests: int) -> None:
    """Leave the number where `make soak` looks for it."""
    if counts := os.environ.get("SENTRI_FUZZ_COUNTS"):
        with Path(counts).open("a", encoding="ascii") as file:
            file.write(f"{requests}\n")


class RunningAnything(Running):
    """Any application."""

    def __init__(self, app: web.Application) -> None:
        async def made() -> web.Application:
            return app

        super().__init__(made)


def _is_about_bytes(record: logging.LogRecord) -> bool:
    if record.name != "aiohttp.server" or not record.exc_info:
        return False
    error = record.exc_info[1]
    if isinstance(error, UnicodeEncodeError):
        return error.object.startswith("Unknown Expect: ")
    return isinstance(error, HttpProcessingError | InvalidURL | RequestPayloadError)


class _Keeping(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.ERROR)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


class RunningServer(Running):
    """An auth server under /auth, with everything that `setup` installs, beside guarded routes of a host.

    Attributes:
        auth: the auth server.
        user, admin: somebody without and with the role.
    """

    def __init__(self, auth: TestAuthServer) -> None:
        super().__init__(self._app)
        self.auth = auth
        self.user: SavedUser
        self.admin: SavedUser

    async def _app(self) -> web.Application:
        self.user = await self.auth.create_user(roles=["user"])
        self.admin = await self.auth.create_user(roles=["user", "admin"])
        return host_of(self.auth, self)

    def tokens_of(self, user: SavedUser) -> TokenPair:
        """The tokens of a new session."""
        return self.call(self.auth.log_in(user))


class RunningClient(Running):
    """An application in client mode, with the same guarded routes."""

    def __init__(self, key_uri: str, **options: Any) -> None:
        super().__init__(self._app)
        self.auth = create_auth(mode="client", key_uri=key_uri, **options)

    async def _app(self) -> web.Application:
        return host_of(self.auth, self)


GUARDED = (("GET", "/profile"), ("POST", "/orders"), ("PUT", "/orders/7"), ("GET", "/view"), ("DELETE", "/view"))
"""What `host_of` has behind guards, beside the WebSocket at /socket and all that lies below /inside."""


def host_of(auth: Any, running: Running) -> web.Application:
    """An application with everything that `setup` installs, and routes behind guards of each kind."""

    async def handler(request: web.Request) -> web.Response:
        running.reached += 1
        return web.json_response(current_user(request).to_dict())

    async def socket(request: web.Request) -> web.WebSocketResponse:
        running.reached += 1
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        await opened.close()
        return opened

    async def always(request: web.Request, user: Any) -> bool:
        return True

    class View(web.View):
        async def get(self) -> web.Response:
            return await handler(self.request)

        delete = get

    app = web.Application()
    auth.setup(app)
    app.router.add_get("/profile", auth.protect(handler))
    app.router.add_post("/orders", auth.authorize("admin")(handler))
    app.router.add_put("/orders/{number}", auth.permit(always)(handler))
    app.router.add_get("/socket", auth.protect(socket))
    app.router.add_view("/view", auth.protect(View))
    inside = web.Application(middlewares=[auth.protect_middleware()])
    inside.router.add_route("*", "/{tail:.*}", handler)
    app.add_subapp("/inside", inside)
    return app
