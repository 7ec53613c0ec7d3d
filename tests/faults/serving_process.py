"""An application on an auth server in a process of its own: prints its port, and serves until SIGTERM.

python serving_process.py OPTIONS, where OPTIONS is JSON: those of `create_auth`.
"""

import asyncio
import json
import logging
import signal
import sys
from collections import Counter

from aiohttp import web

from sentri import create_auth, current_user


async def profile(request: web.Request) -> web.Response:
    return web.json_response(current_user(request).to_dict())


def application(options: dict) -> web.Application:
    auth = create_auth(valid_roles=("user", "editor", "admin"), salt_rounds=10, **options)
    app = web.Application()
    auth.setup(app)
    runs: Counter[str] = Counter()

    async def order(request: web.Request) -> web.Response:
        """Counts its runs; a retry with the same key must not make another one."""
        name = await request.text()
        runs[name] += 1
        return web.json_response({"name": name, "run": runs[name]})

    app.router.add_get("/profile", auth.protect(profile))
    app.router.add_post("/orders", auth.protect(order))
    return app


async def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    runner = web.AppRunner(application(json.loads(sys.argv[1])), access_log=None, shutdown_timeout=10)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await runner.cleanup()


asyncio.run(main())
