"""Serving one of the three applications, in a container or beside the others."""

from __future__ import annotations

import logging
import os
import socket
import sys

from aiohttp import web

from sentri import AuthClient


def serve(app: web.Application, usual: int) -> None:
    """Serve until SIGINT or SIGTERM. The first line of the output is the address; the log goes to stderr."""
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", usual))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        door = socket.create_server((host, port))
    except OSError as error:
        sys.exit(f"Port {port} of {host} cannot be had ({error.strerror}). PORT=0 takes a free one.")
    print(f"http://{host}:{door.getsockname()[1]}", flush=True)
    web.run_app(app, sock=door, print=None, access_log=None)


def ready(auth: AuthClient):  # noqa: ANN201 - a handler
    """A probe for whoever sends the traffic: not before there are keys, and on through an outage of the master."""

    async def probe(_: web.Request) -> web.Response:
        status = auth.keys.status()
        said = {"keys": status.state, "last_error": status.last_error}
        return web.json_response(said, status=503 if status.state == "unavailable" else 200)

    return probe
