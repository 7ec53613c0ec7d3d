"""The master API: it logs people in, and has the catalogue. The other services trust its tokens.

DATABASE_URL                         where users, sessions and keys are kept
REDIS_URL                            what its processes share: attempts to log in, and answers to repeated requests
SENTRI_KEY_ENCRYPTION_SECRET_FILE    a file with what encrypts the private keys in the database, at least 32 bytes
ISSUER                               whose tokens these are: a name that every service knows
HOST, PORT                           127.0.0.1 and 8000 by default; port 0 takes a free one
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from serving import serve

from sentri import create_auth_server


class Role(StrEnum):
    """The roles, by the names that this company gives them."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SUPER_ADMIN = "super_admin"


auth = create_auth_server(
    valid_roles=Role,
    registration_roles=(Role.CUSTOMER,),
    admin_roles=(Role.SUPER_ADMIN,),
    db=os.environ["DATABASE_URL"],
    redis_url=os.environ["REDIS_URL"],
    namespace=os.environ.get("NAMESPACE", "master"),
    key_encryption_secret=Path(os.environ["SENTRI_KEY_ENCRYPTION_SECRET_FILE"]).read_text().strip(),
    issuer=os.environ["ISSUER"],
    audience="shop",
)

CATALOGUE = {"teapot": 30, "cup": 5}


async def products(_: web.Request) -> web.Response:
    """For everybody: it is what the shop window shows."""
    return web.json_response(CATALOGUE)


async def add_product(request: web.Request) -> web.Response:
    """For the staff and the super admin."""
    CATALOGUE[request.match_info["name"]] = int(await request.text())
    return web.json_response(CATALOGUE, status=201)


def make_app() -> web.Application:
    """Closed as a whole, but for what is named: a handler that somebody adds later is not open by mistake."""
    app = web.Application()
    auth.setup(app)
    app.middlewares.append(auth.protect_middleware(exclude=["/products", "/ready"]))
    app.router.add_get("/products", products)
    app.router.add_put("/products/{name}", auth.authorize(Role.STAFF, Role.SUPER_ADMIN)(add_product))
    app.router.add_get("/ready", ready)
    return app


async def ready(_: web.Request) -> web.Response:
    """For whoever sends the traffic."""
    return web.json_response({"ready": True})


if __name__ == "__main__":
    serve(make_app(), 8000)
