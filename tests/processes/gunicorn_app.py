"""What gunicorn's workers serve, for `test_gunicorn.py`: `gunicorn tests.processes.gunicorn_app:make_app`."""

import asyncio
import os

from aiohttp import web

import sentri


async def who(request: web.Request) -> web.Response:
    return web.json_response({"worker": os.getpid(), "user": sentri.current_user(request).identifier})


class PatientRunner(web.AppRunner):
    """At the end it stops listening and waits a second, so that connections it has accepted bring their requests."""

    async def cleanup(self) -> None:
        for site in list(self.sites):
            await site.stop()
        await asyncio.sleep(1)
        await super().cleanup()


async def make_app() -> web.AppRunner:
    auth = sentri.create_auth_server(
        valid_roles=("user", "admin"),
        db={"connection_string": os.environ["DATABASE_URL"], "max": 2},
        key_encryption_secret="a secret that encrypts keys, of more than 32 bytes",
        redis_url=os.environ["REDIS_URL"],
        namespace=os.environ["NAMESPACE"],
        salt_rounds=10,
    )
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/who", auth.protect(who))
    return PatientRunner(app, access_log=None, shutdown_timeout=25)
