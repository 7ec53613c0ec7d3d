"""A real auth server on a socket, in a thread of its own: what the generated requests of this folder are sent to."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self, TypeVar

from aiohttp import web

from sentri import TokenPair, current_user
from sentri_testing.server import TestAuthServer
from sentri_testing.users import SavedUser

T = TypeVar("T")


class Running:
    """An application that runs in a thread until the block is left.

    Attributes:
        address: host and port of its socket.
        records: what it logged, at WARNING or above.
    """

    def __init__(self, make_app: Callable[[], Awaitable[web.Application]]) -> None:
        self._make_app = make_app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self.address = ("127.0.0.1", 0)
        self.records: list[logging.LogRecord] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop())
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
        """What it logged that no request may cause: tracebacks and errors."""
        return [record.getMessage() for record in self.records if record.exc_info or record.levelno >= logging.ERROR]

    async def _start(self) -> None:
        for name in ("sentri", "aiohttp", "asyncio"):
            logging.getLogger(name).addHandler(self._handler)
        self._runner = web.AppRunner(await self._make_app(), access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, *self.address)
        await site.start()
        self.address = self._runner.addresses[0][:2]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        for name in ("sentri", "aiohttp", "asyncio"):
            logging.getLogger(name).removeHandler(self._handler)

    @property
    def _handler(self) -> logging.Handler:
        if not hasattr(self, "_made"):
            self._made = _Keeping(self.records)
        return self._made


class _Keeping(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.WARNING)
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
        return host_of(self.auth)

    def tokens_of(self, user: SavedUser) -> TokenPair:
        """The tokens of a new session."""
        return self.call(self.auth.log_in(user))


def host_of(auth: Any) -> web.Application:
    """An application with everything that `setup` installs, and guarded routes of each kind."""
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/profile", auth.protect(profile))
    app.router.add_post("/orders", auth.authorize("admin")(profile))
    app.router.add_put("/orders/{number}", auth.permit(_always)(profile))
    app.router.add_get("/socket", auth.protect(_socket))
    app.router.add_view("/view", auth.protect(_View))
    return app


async def profile(request: web.Request) -> web.Response:
    return web.json_response(current_user(request).to_dict())


async def _always(request: web.Request, user: Any) -> bool:
    return True


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close()
    return socket


class _View(web.View):
    async def get(self) -> web.Response:
        return await profile(self.request)

    post = put = patch = delete = get
