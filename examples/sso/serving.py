"""Serving one of the three applications. Nothing here is about sentri."""

from __future__ import annotations

import logging
import os
import socket
import sys

from aiohttp import web


def door(variable: str, usual: int) -> socket.socket:
    """A listening socket of 127.0.0.1, on the port that the variable names. Port 0 takes a free one."""
    port = int(os.environ.get(variable, usual))
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        sys.exit(f"Port {port} of 127.0.0.1 cannot be had ({error.strerror}). {variable}=0 takes a free one.")


def address(door: socket.socket) -> str:
    """Where the door is, for clients."""
    return f"http://127.0.0.1:{door.getsockname()[1]}"


def serve(app: web.Application, door: socket.socket, name: str) -> None:
    """Serve until SIGINT or SIGTERM. The first line of the output is the address; the log goes to stderr."""
    logging.basicConfig(level=logging.INFO, format=f"[{name}] %(message)s")
    print(address(door), flush=True)
    web.run_app(app, sock=door, print=None, access_log=None)
