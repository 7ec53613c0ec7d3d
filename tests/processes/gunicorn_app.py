"""What gunicorn's workers serve, for `test_gunicorn.py`: `gunicorn tests.processes.gunicorn_app:make_app`."""

import os

from aiohttp import web

import sentri


async def who(request: web.Request) -> web.Response:
    return web.json_response({"worker": os.getpid(), "user": sentri.current_user(request).identifier})


async def make_app() -> web.Application:
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
    return app
