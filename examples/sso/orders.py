"""A service that trusts the auth server. It has no users, no database and no secret.

SSO_AUTH           where the auth server is, such as http://127.0.0.1:8000/auth
SSO_ORDERS_PORT    8001 by default; 0 takes a free one
"""

from __future__ import annotations

import os

from aiohttp import web
from serving import door, serve

from sentri import create_auth, current_user

AUTH = os.environ["SSO_AUTH"]

auth = create_auth(mode="client", key_uri=f"{AUTH}/keys", issuer=AUTH, audience="shop")


@auth.protect
async def orders(request: web.Request) -> web.Response:
    """For everybody who is logged in."""
    return web.json_response({"orders": ["a teapot"], "of": current_user(request).identifier})


async def ready(_: web.Request) -> web.Response:
    """For whoever sends the traffic: not before there are keys, and on through an outage of the auth server."""
    status = auth.keys.status()
    said = {"keys": status.state, "key_ids": status.key_ids, "last_error": status.last_error}
    return web.json_response(said, status=503 if status.state == "unavailable" else 200)


if __name__ == "__main__":
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/orders", orders)
    app.router.add_get("/ready", ready)
    with door("SSO_ORDERS_PORT", 8001) as listening:
        serve(app, listening, "orders")
