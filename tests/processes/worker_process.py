"""One of the processes that serve the black-box suite.

python worker_process.py SOCKET

It listens on a Unix socket. Each connection to it is one application: the test process says which, with which options,
and hears the port; while the connection lasts, the application serves. The process ends when its standard input does,
so it cannot outlive the test run.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from aiohttp import web

from tests.processes.messages import Answer, Asking, Line, with_functions
from tests.processes.shared_clock import SharedClock
from tests.support import cheap_server


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, from what is told first to its end."""
    line = Line(reader, writer)
    asking = Asking(line)
    make, options, clock = await line.hear()
    given = with_functions(options, asking.function)
    ended = asyncio.create_task(_listen(line, asking))
    runner: web.AppRunner | None = None
    try:
        auth = cheap_server(given, clock=None if clock is None else SharedClock(clock))
        runner = web.AppRunner(make(auth), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        line.say(runner.addresses[0][1])
    except Exception as error:  # noqa: BLE001 - told, not handled
        line.say(error)
    try:
        await ended
        if runner is not None:
            await runner.cleanup()
        line.say("stopped")
    finally:
        await line.close()


async def _listen(line: Line, asking: Asking) -> None:
    """Hand answers to whoever waits for them, until there is anything else to hear, or nothing any more."""
    while isinstance(message := await line.hear(), Answer):
        asking.take(message)


async def main() -> None:
    server = await asyncio.start_unix_server(serve, sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
