"""An HTTP server whose plug can be pulled: it is gone at once, and comes back at the same address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator

from aiohttp import web

__all__ = ["Listening", "Settled"]


class Settled:
    """What a switch returns: it has worked already, and may be awaited, which waits for what follows from it."""

    def __init__(self, *tasks: asyncio.Task[object]) -> None:
        self._tasks = tasks

    def __await__(self) -> Generator[object, None, None]:
        return self._all().__await__()

    async def _all(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)
        else:
            await asyncio.sleep(0)


class Listening:
    """The application at an address, from `open` to `close`.

    Args:
        app: what answers.
        host, port: where; port 0 takes a free one, which stays the same from then on.
    """

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._host = host
        # Bound all the time, and never listening: nobody else gets the port while the server is down.
        self._held = _bound(host, port)
        self.port: int = self._held.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._plug: asyncio.Task[object] | None = None

    async def open(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        await self.up()

    @property
    def is_up(self) -> bool:
        """Whether connections are accepted."""
        return self._plug is not None

    def up(self) -> Settled:
        """Accept connections: from now on they wait, and are served with the loop's next turns. Safe to repeat."""
        if self._plug is None:
            listening = _bound(self._host, self.port)
            listening.listen(128)
            self._plug = asyncio.get_running_loop().create_task(self._serve(listening))
        return Settled(self._plug)

    async def _serve(self, listening: socket.socket) -> None:
        server = self._runner.server
        if server is None:
            raise RuntimeError("the server is closed")
        self._server = await asyncio.get_running_loop().create_server(server, sock=listening)

    def down(self) -> Settled:
        """Refuse connections, and cut those that are open. Safe to repeat."""
        plug, self._plug = self._plug, None
        if plug is None:
            return Settled()
        if not plug.done():
            return Settled(asyncio.get_running_loop().create_task(self._down_after(plug)))
        self._cut()
        return Settled()

    async def _down_after(self, plug: asyncio.Task[object]) -> None:
        await asyncio.wait([plug])
        self._cut()

    def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        handlers = self._runner.server.connections if self._runner.server is not None else []
        for handler in handlers:
            transport = getattr(handler, "transport", None)
            if transport is not None:
                transport.abort()

    async def close(self) -> None:
        """Stop, and let go of the address. Safe to repeat."""
        await self.down()
        await self._runner.cleanup()
        self._held.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.settimeout(0)
    except BaseException:
        made.close()
        raise
    return made
