"""What gunicorn's workers serve, for `test_gunicorn.py`: the module of docs/deploying.md, with a route more."""

import asyncio
import os
from functools import partial

from aiohttp import web

import sentri
from tests.docs.pages import block, executed

MADE = executed(
    block("docs/deploying.md", "# shop/app.py"),
    asyncio=asyncio,
    os=os,
    web=web,
    create_auth_server=partial(sentri.create_auth_server, namespace=os.environ["NAMESPACE"], salt_rounds=10),
)


async def who(request: web.Request) -> web.Response:
    return web.json_response({"worker": os.getpid(), "user": sentri.current_user(request).identifier})


async def make_app() -> web.AppRunner:
    runner = await MADE["make_app"]()
    runner.app.router.add_get("/who", sentri.protect(who))
    return runner
