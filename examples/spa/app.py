"""A single-page application on sentri: this file serves it, and app.js is the whole of its client.

SPA_DB                  where users and sessions are kept; in memory by default, until this process ends
SPA_ACCESS_EXPIRES_IN   life of an access token; 30 seconds by default, so that one can watch it being renewed
SPA_PORT                8000 by default; 0 takes a free one
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from aiohttp import web

from sentri import AuthServer, create_auth_server, current_user

PAGES = Path(__file__).parent
FILES = {"/": "index.html", "/app.js": "app.js", "/style.css": "style.css", "/icon.svg": "icon.svg"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def make_auth() -> AuthServer:
    """An auth server for browsers: both cookies, with their defaults."""
    return create_auth_server(
        valid_roles=("user",),
        db=os.environ.get("SPA_DB", "sqlite://:memory:"),
        access_expires_in=os.environ.get("SPA_ACCESS_EXPIRES_IN", "30s"),
        cookie={},
        access_cookie={},
    )


def make_app(auth: AuthServer) -> web.Application:
    """The pages, one guarded route, and the auth server's endpoints under /auth."""

    @auth.protect
    async def session(request: web.Request) -> web.Response:
        user = current_user(request)
        return web.json_response({"data": {"user": user.to_dict(), "session": user.session_id}})

    app = web.Application()
    auth.setup(app)
    app.router.add_get("/api/session", session)
    for path, name in FILES.items():
        app.router.add_get(path, _sending(name))
    return app


def _sending(name: str):  # noqa: ANN202 - a handler
    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGES / name, headers=HEADERS)

    return send


def main() -> None:
    """Serve until Ctrl-C."""
    with socket.create_server(("127.0.0.1", int(os.environ.get("SPA_PORT", "8000")))) as door:
        # "localhost", because browsers take it for secure: Secure cookies work there without https.
        print(f"The example runs on http://localhost:{door.getsockname()[1]} (Ctrl-C ends it)", flush=True)
        web.run_app(make_app(make_auth()), sock=door, print=None)


if __name__ == "__main__":
    main()
