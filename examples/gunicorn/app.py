"""One service in several processes: `make example-gunicorn` runs it with four workers.

GUNICORN_FOLDER                 where users, sessions and keys are kept; .kept beside this file by default
SENTRI_KEY_ENCRYPTION_SECRET    what encrypts the signing keys; without it a file of that folder has one

Every worker makes an application of its own. What they share is the database: a token that one of them gave is good in
all, and a logout in one counts in all with the next request. With REDIS_URL they count attempts to log in together.
"""

from __future__ import annotations

import os
from pathlib import Path

from aiohttp import web

from sentri import create_auth_server, current_user, protect

FOLDER = Path(os.environ.get("GUNICORN_FOLDER") or Path(__file__).parent / ".kept")


@protect
async def whoami(request: web.Request) -> web.Response:
    """Who is asking, and which worker answers."""
    return web.json_response({"user": current_user(request).identifier, "worker": os.getpid()})


async def make_app() -> web.Application:
    """Called by each worker, after the fork: connections belong to the process that opened them."""
    auth = create_auth_server(
        valid_roles=("user", "admin"),
        db={"connection_string": os.environ.get("DATABASE_URL", f"sqlite://{FOLDER / 'users.db'}"), "max": 5},
        key_encryption_secret=os.environ["SENTRI_KEY_ENCRYPTION_SECRET"],
        redis_url=os.environ.get("REDIS_URL"),
        namespace="example",
    )
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/whoami", whoami)
    return app
