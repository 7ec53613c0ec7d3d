"""Another service that trusts the master API: what it does twice costs money, so it asks for a key with every payment.

KEYS, ISSUER, REDIS_URL, HOST, PORT    as in orders.py; port 8002 by default
"""

from __future__ import annotations

import os

from aiohttp import web
from serving import ready, serve

from sentri import create_auth, current_user

auth = create_auth(
    mode="client",
    key_uri=os.environ["KEYS"],
    allow_insecure_keys=os.environ.get("KEYS_OVER_HTTP") == "yes",
    issuer=os.environ["ISSUER"],
    audience="shop",
    valid_roles=("customer", "staff", "super_admin"),
)

PAYMENTS: list[dict[str, object]] = []


@auth.protect
async def pay(request: web.Request) -> web.Response:
    """Without an Idempotency-Key: 400."""
    PAYMENTS.append({"of": current_user(request).id, "amount": int(await request.text())})
    return web.json_response({"payments": len(PAYMENTS)}, status=201)


@auth.authorize("super_admin")
async def revenue(_: web.Request) -> web.Response:
    """For the super admin alone."""
    return web.json_response({"revenue": sum(int(str(payment["amount"])) for payment in PAYMENTS)})


def make_app() -> web.Application:
    app = web.Application()
    auth.setup(app, idempotency=False)
    keeping = {"redis_url": os.environ["REDIS_URL"], "namespace": "billing"}
    app.middlewares.append(auth.idempotency_middleware(required=True, **keeping))
    app.router.add_post("/payments", pay)
    app.router.add_get("/revenue", revenue)
    app.router.add_get("/ready", ready(auth))
    return app


if __name__ == "__main__":
    serve(make_app(), 8002)
