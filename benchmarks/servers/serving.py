"""What every server does alike: read its settings, listen, say where."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any, Final

from aiohttp import web

__all__ = ["SETTINGS", "bearer", "serve", "unauthorized"]

SETTINGS: Final[dict[str, Any]] = json.loads(sys.argv[1])


def serve(app: web.Application) -> None:
    """Serve until SIGTERM, on uvloop where the settings say so."""
    if SETTINGS.get("loop") == "uvloop":
        import uvloop  # noqa: PLC0415 - only where it is installed

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(app))


async def _serve(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024, shutdown_timeout=0.1).start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(runner.addresses[0][1], flush=True)
    await stopped.wait()
    await runner.cleanup()


def bearer(request: web.Request) -> str:
    """The Bearer token; 401 without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized()
    return token


def unauthorized() -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
