"""A service that trusts the master API. It has no users, no database of theirs, and no secret.

KEYS           where the master API publishes its keys, such as http://127.0.0.1:8000/auth/keys
ISSUER         whose tokens count, as the master API calls itself
REDIS_URL      where answers to repeated requests are kept, for all of its processes
HOST, PORT     127.0.0.1 and 8001 by default; port 0 takes a free one
"""

from __future__ import annotations

import os
from uuid import uuid4

from aiohttp import web
from serving import ready, serve

from sentri import AuthUser, create_auth, current_user

auth = create_auth(
    mode="client",
    key_uri=os.environ["KEYS"],
    allow_insecure_keys=os.environ.get("KEYS_OVER_HTTP") == "yes",  # inside of a network that only we are in
    issuer=os.environ["ISSUER"],
    audience="shop",
    valid_roles=("customer", "staff", "super_admin"),
)

ORDERS: dict[str, dict[str, str]] = {}


def is_owner(request: web.Request, user: AuthUser) -> bool:
    """An order that there is not belongs to nobody."""
    order = ORDERS.get(request.match_info["id"])
    return order is not None and order["of"] == user.id


@auth.protect
async def place_order(request: web.Request) -> web.Response:
    """A client that got no answer sends it again, with the same Idempotency-Key: one order."""
    number = uuid4().hex
    ORDERS[number] = {"of": current_user(request).id, "product": await request.text()}
    return web.json_response({"order": number}, status=201)


@auth.permit(roles=["staff", "super_admin"], check=is_owner)
async def show_order(request: web.Request) -> web.Response:
    """For whoever placed it, and for the staff."""
    order = ORDERS.get(request.match_info["id"])
    if order is None:
        raise web.HTTPNotFound
    return web.json_response(order)


def make_app() -> web.Application:
    """Repeats are recognised through Redis, whichever process they come to."""
    app = web.Application()
    auth.setup(app, idempotency=False)
    app.middlewares.append(auth.idempotency_middleware(redis_url=os.environ["REDIS_URL"], namespace="orders"))
    app.router.add_post("/orders", place_order)
    app.router.add_get("/orders/{id}", show_order)
    app.router.add_get("/ready", ready(auth))
    return app


if __name__ == "__main__":
    serve(make_app(), 8001)
