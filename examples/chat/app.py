"""A chat over WebSocket whose connections end with their sessions: log out anywhere, and every tab is closed.

CHAT_DB                  where users and sessions are kept; in memory by default, until this process ends
CHAT_SESSION_EXPIRES_IN  how long a login lasts, whatever happens; 10 minutes by default
CHAT_LOOK_AGAIN          seconds between two looks at whether a connection's session still stands; 2 by default
CHAT_PORT                8000 by default; 0 takes a free one
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

from aiohttp import WSMsgType, web

from sentri import AuthServer, SentriError, create_auth_server, current_user

PAGES = Path(__file__).parent
FILES = {"/": "index.html", "/chat.js": "chat.js", "/style.css": "style.css"}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
LONGEST = 500  # characters of a message
UNAUTHORIZED = 4401  # a close code of our own: 4000 to 4999 are an application's (RFC 6455, section 7.4.2)
UNAVAILABLE = 1013  # try again later

log = logging.getLogger("chat")


def make_auth() -> AuthServer:
    """An auth server for browsers. A refresh is no way past `session_expires_in`."""
    return create_auth_server(
        valid_roles=("user",),
        db=os.environ.get("CHAT_DB", "sqlite://:memory:"),
        session_expires_in=os.environ.get("CHAT_SESSION_EXPIRES_IN", "10m"),
        cookie={},
        access_cookie={},
    )


class Room:
    """Who is there. One process's own: several would pass messages on through Redis."""

    def __init__(self, auth: AuthServer, *, look_again: float) -> None:
        self._auth = auth
        self._look_again = look_again
        self._connections: set[web.WebSocketResponse] = set()

    async def enter(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection, from its handshake, which is guarded, to its end."""
        connection = web.WebSocketResponse(heartbeat=20, max_msg_size=4 * LONGEST)
        await connection.prepare(request)
        self._connections.add(connection)
        watching = asyncio.create_task(self._watch(request, connection))
        try:
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    await self._say(request, connection, message.data)
        finally:
            watching.cancel()
            self._connections.discard(connection)
        return connection

    async def close(self, _: web.Application) -> None:
        """Let everybody go when the server stops."""
        for connection in tuple(self._connections):
            await connection.close(code=1001, message=b"the server stops")

    async def _say(self, request: web.Request, connection: web.WebSocketResponse, text: str) -> None:
        """Nobody speaks whose session has ended: it is asked before every message."""
        if not await self._is_allowed(request, connection):
            return
        said = {"from": current_user(request).identifier, "text": text[:LONGEST]}
        for other in tuple(self._connections):
            try:
                await other.send_json(said)
            except ConnectionError:  # it is leaving
                self._connections.discard(other)

    async def _watch(self, request: web.Request, connection: web.WebSocketResponse) -> None:
        """Nobody listens much longer, either. All who look at the same time are one query."""
        while True:
            await asyncio.sleep(self._look_again)
            if not await self._is_allowed(request, connection):
                return

    async def _is_allowed(self, request: web.Request, connection: web.WebSocketResponse) -> bool:
        """Whether the session still stands. Where not, or where nobody can tell, the connection is closed."""
        try:
            await self._auth.recheck(request)
        except SentriError as error:
            code = UNAUTHORIZED if error.status_code == 401 else UNAVAILABLE
            log.info("A connection is closed: %s", error.code)
            self._connections.discard(connection)
            await connection.close(code=code, message=error.code.encode())
            return False
        return True


def make_app(auth: AuthServer, *, look_again: float) -> web.Application:
    """The page, the chat, and the auth server's endpoints under /auth."""
    app = web.Application()
    auth.setup(app)
    room = Room(auth, look_again=look_again)
    app.router.add_get("/chat", auth.protect(room.enter))
    for path, name in FILES.items():
        app.router.add_get(path, _sending(name))
    app.on_shutdown.append(room.close)
    return app


def _sending(name: str):  # noqa: ANN202 - a handler
    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGES / name, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})

    return send


def main() -> None:
    """Serve until Ctrl-C."""
    look_again = float(os.environ.get("CHAT_LOOK_AGAIN", "2"))
    with socket.create_server(("127.0.0.1", int(os.environ.get("CHAT_PORT", "8000")))) as door:
        # "localhost", because browsers take it for secure: Secure cookies work there without https.
        print(f"The chat runs on http://localhost:{door.getsockname()[1]} (Ctrl-C ends it)", flush=True)
        web.run_app(make_app(make_auth(), look_again=look_again), sock=door, print=None)


if __name__ == "__main__":
    main()
