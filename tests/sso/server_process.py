"""An auth server in a process of its own, with keys in the database and time that runs faster; it can be told to
misbehave at its key set.

python server_process.py '{"database": …, "secret": …, "port": …, "times": …, "mischief": FILE, "log": FILE}'

While FILE of `mischief` holds a word, `GET /auth/keys` does that instead. Every request for the key set is a line in
the log: the moment, and the query.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from sentri import Database
from sentri.clock import system_clock
from sentri.keys.timeline import KeyTimes
from sentri.server.auth import server_with_generated_keys

told = json.loads(sys.argv[1])
mischief, log = Path(told["mischief"]), Path(told["log"])


def asked(query: str) -> str:
    """Note the request; what to do in place of an answer."""
    with log.open("a") as lines:
        lines.write(f"{system_clock()} {query}\n")
    return mischief.read_text().strip()


@web.middleware
async def misbehaving(request: web.Request, handler):
    if request.path != "/auth/keys":
        return await handler(request)
    match asked(request.query_string):
        case "garbage":
            return web.Response(body=b"\x00<html>\xff", content_type="application/json")
        case "redirect":
            raise web.HTTPFound("/elsewhere")
        case "500":
            raise web.HTTPInternalServerError
        case "hang":
            await asyncio.Event().wait()
    return await handler(request)


async def main() -> None:
    auth = server_with_generated_keys(
        {
            "db": Database(**told["database"]),
            "key_encryption_secret": told["secret"],
            "valid_roles": ("user", "admin"),
            "salt_rounds": 10,
            "access_expires_in": told["lifetime"],
        },
        key_times=KeyTimes(**told["times"]),
    )
    app = web.Application(middlewares=[misbehaving])
    auth.setup(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", told["port"], reuse_address=True).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
