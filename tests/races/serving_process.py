"""An auth server in a process of its own, for `test_processes.py`: prints its port, and serves until it is ended.

python serving_process.py OPTIONS SECRET
"""

import asyncio
import json
import sys

from aiohttp import web

from sentri import Database, create_auth


async def main() -> None:
    database = Database(**json.loads(sys.argv[1]))
    auth = create_auth(db=database, secret=sys.argv[2], valid_roles=("user", "admin"), salt_rounds=10)
    app = web.Application()
    auth.setup(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
