"""`sentri serve`."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import asyncclick
from aiohttp import web

from sentri.cli.logs import AccessLog, write_logs
from sentri.cli.opening import auth_of, opened, settings_of
from sentri.cli.options import database_url
from sentri.cli.production import check_production
from sentri.cli.showing import json_option, print_json
from sentri.cli.welcome import PREFIX, welcome, whereabouts
from sentri.config.environment import Settings

if TYPE_CHECKING:
    from sentri.server.auth import AuthServer

__all__ = ["serve"]

_FAREWELL: Final = 5.0  # seconds for requests that are being answered when the server stops
_UNDER_WAY: Final = 1.0  # seconds from SIGTERM on in which connections that were on their way bring their requests


@asyncclick.command()
@database_url
@asyncclick.option("--host", help="Where to listen [SENTRI_HOST; default: 127.0.0.1].")
@asyncclick.option(
    "--port", type=asyncclick.IntRange(0, 65535), help="0 takes any free one [SENTRI_PORT; default: 8080]."
)
@asyncclick.option(
    "--production", is_flag=True, default=None, help="Refuse unsafe settings, with every reason [SENTRI_PRODUCTION]."
)
@json_option
async def serve(
    database_url: str | None, host: str | None, port: int | None, *, production: bool | None, as_json: bool
) -> None:
    """Run an auth server.

    Without any setting: on http://127.0.0.1:8080, with a SQLite file in the current folder and signing keys that
    live in memory. The tables are made, or upgraded, at the start. Ctrl-C stops it.
    """
    settings = settings_of(database_url=database_url, host=host, port=port, production=production)
    auth = auth_of(settings)
    if settings.production:
        check_production(settings, auth.options)
    write_logs()
    serving = asyncio.create_task(_serve(auth, settings, as_json=as_json))
    loop = asyncio.get_running_loop()
    stopping = _Stopping(serving)
    with suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt there
        loop.add_signal_handler(signal.SIGINT, stopping.at_once)
        loop.add_signal_handler(signal.SIGTERM, stopping.soon)
    with suppress(asyncio.CancelledError):
        await serving


class _Stopping:
    """Ends the serving once, however often it is told to: to be cancelled again would cut the farewell short.

    A supervisor and the shell that it has started may both pass on the same SIGTERM. Ctrl-C that is pressed again is
    somebody who does not want to wait.
    """

    def __init__(self, serving: asyncio.Task[None]) -> None:
        self._serving = serving
        self._timer: asyncio.TimerHandle | None = None
        self._began = False

    def soon(self) -> None:
        """A balancer that sends nothing new any more may have connected a moment ago: aiohttp takes a connection
        without a request for an idle one, and one that it has not accepted yet is reset when it stops listening.
        """
        if not self._began:
            self._began = True
            self._timer = asyncio.get_running_loop().call_later(_UNDER_WAY, self._serving.cancel)

    def at_once(self) -> None:
        self._began = True
        if self._timer is not None:
            self._timer.cancel()
        self._serving.cancel()


async def _serve(auth: AuthServer, settings: Settings, *, as_json: bool) -> None:
    app = web.Application()
    app.router.add_get("/", _index)
    auth.setup(app, PREFIX)
    runner = web.AppRunner(app, access_log_class=AccessLog, shutdown_timeout=_FAREWELL)
    async with opened(auth, settings, may_make=True):
        try:
            await runner.setup()
            await _listen(runner, settings)
            _tell(runner.addresses[0], settings, as_json=as_json)
            await asyncio.Event().wait()  # until a signal cancels it
        finally:
            await runner.cleanup()


def _tell(address: Any, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json(whereabouts(address, settings))
    else:
        asyncclick.echo(welcome(address, settings))


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    place = f"{settings.host} port {settings.port}"
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise asyncclick.ClickException(f"{place} is in use; --port takes another, 0 any free one") from None
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise asyncclick.ClickException(f"cannot listen on {place}: {reason}; see --host and --port") from None


async def _index(request: web.Request) -> web.Response:
    routes = [(route.method, route.resource) for route in request.app.router.routes() if route.method != "HEAD"]
    return web.json_response({"endpoints": [f"{method} {where.canonical}" for method, where in routes if where]})
