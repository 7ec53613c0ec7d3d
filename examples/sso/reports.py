"""Another service that trusts the auth server, with a page for admins.

SSO_AUTH            where the auth server is, such as http://127.0.0.1:8000/auth
SSO_REPORTS_PORT    8002 by default; 0 takes a free one
"""

from __future__ import annotations

import os

from aiohttp import web
from serving import door, serve

from sentri import create_auth, current_user

AUTH = os.environ["SSO_AUTH"]

# With valid_roles a misspelt role in `authorize` stops the start.
auth = create_auth(mode="client", key_uri=f"{AUTH}/keys", issuer=AUTH, audience="shop", valid_roles=("user", "admin"))


@auth.protect
async def reports(request: web.Request) -> web.Response:
    """For everybody who is logged in."""
    return web.json_response({"reports": ["revenue"], "for": current_user(request).identifier})


@auth.authorize("admin")
async def revenue(_: web.Request) -> web.Response:
    """For admins; others get 403."""
    return web.json_response({"revenue": 3})


async def ready(_: web.Request) -> web.Response:
    """As in orders.py."""
    status = auth.keys.status()
    said = {"keys": status.state, "key_ids": status.key_ids, "last_error": status.last_error}
    return web.json_response(said, status=503 if status.state == "unavailable" else 200)


if __name__ == "__main__":
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/reports", reports)
    app.router.add_get("/reports/revenue", revenue)
    app.router.add_get("/ready", ready)
    with door("SSO_REPORTS_PORT", 8002) as listening:
        serve(app, listening, "reports")
