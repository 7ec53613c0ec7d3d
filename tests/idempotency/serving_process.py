"""An application in a process of its own, for `test_processes.py`: prints its port, and serves until it is ended.

python serving_process.py REDIS_URL NAMESPACE POSTGRES_URL

The table has no unique constraint: what keeps an order from being paid twice is the middleware alone.
"""

import asyncio
import sys

import asyncpg
from aiohttp import web

import sentri


async def main() -> None:
    redis_url, namespace, postgres_url = sys.argv[1:]
    pool = await asyncpg.create_pool(postgres_url, min_size=1, max_size=2)

    async def pay(request: web.Request) -> web.Response:
        order = await request.text()
        await asyncio.sleep(float(request.query.get("takes", "0.02")))
        row = await pool.fetchval("INSERT INTO payments (order_name) VALUES ($1) RETURNING id", order)
        return web.json_response({"payment": row}, status=201)

    middleware = sentri.create_idempotency_middleware(redis_url=redis_url, namespace=namespace, wait="15s")
    app = web.Application(middlewares=[middleware])
    app.router.add_post("/pay", pay)
    app.on_shutdown.append(middleware.close)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
