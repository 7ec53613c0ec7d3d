"""A service in client mode, in a process of its own: prints its port, and serves until it is ended.

python client_process.py KEY_URI
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys

from aiohttp import web

from sentri import create_auth, current_user

auth = create_auth(mode="client", key_uri=sys.argv[1])


@auth.protect
async def profile(request: web.Request) -> web.Response:
    return web.json_response(current_user(request).to_dict())


async def ready(request: web.Request) -> web.Response:
    return web.json_response(dataclasses.asdict(auth.keys.status()))


async def main() -> None:
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/profile", profile)
    app.router.add_get("/ready", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
