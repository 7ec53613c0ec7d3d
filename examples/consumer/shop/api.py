"""The main API: it logs people in, and takes their orders."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from sentri import AuthServer, AuthUser, SentriError, authorize, create_auth_server, current_user, permit, protect

ROLES: Final = ("user", "admin")
ORDERS: Final[web.AppKey[dict[str, dict[str, Any]]]] = web.AppKey("orders", dict)


async def health(_: web.Request) -> web.Response:
    """For the load balancer."""
    return web.Response(text="ok")


@protect
async def profile(request: web.Request) -> web.Response:
    """Who I am."""
    return web.json_response(current_user(request).to_dict())


@protect
async def place_order(request: web.Request) -> web.Response:
    """An order; a client that is not sure repeats it with the same `Idempotency-Key`."""
    item = await wanted_item(request)
    orders = request.app[ORDERS]
    order = {"id": str(len(orders) + 1), "owner": current_user(request).id, "item": item}
    orders[order["id"]] = order
    return web.json_response(order, status=201)


async def wanted_item(request: web.Request) -> str:
    """What the body asks for. The error middleware answers a `SentriError` in sentri's envelope."""
    with suppress(ValueError):
        match await request.json():
            case {"item": str(item)}:
                return item
    raise SentriError("VALIDATION_ERROR", 'item: a text is expected, such as {"item": "a book"}')


def is_owner(request: web.Request, user: AuthUser) -> bool:
    """Whether the order is the user's; of one that is not there nobody is the owner."""
    order = request.app[ORDERS].get(request.match_info["id"])
    return order is not None and order["owner"] == user.id


@permit(roles=["admin"], check=is_owner)
async def show_order(request: web.Request) -> web.Response:
    """For its owner, and for admins."""
    order = request.app[ORDERS].get(request.match_info["id"])
    if order is None:
        raise web.HTTPNotFound
    return web.json_response(order)


@authorize("admin")
async def all_orders(request: web.Request) -> web.Response:
    """For admins."""
    return web.json_response(list(request.app[ORDERS].values()))


def create_app(auth: AuthServer) -> web.Application:
    """The application, with the auth server under `/auth`."""
    app = web.Application()
    auth.setup(app)
    app[ORDERS] = {}
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/profile", profile),
            web.get("/orders", all_orders),
            web.post("/orders", place_order),
            web.get("/orders/{id}", show_order),
        ]
    )
    return app


def main() -> None:
    """Run it as production does."""
    auth = create_auth_server(
        valid_roles=ROLES,
        db=os.environ["SHOP_DATABASE"],
        key_encryption_secret=os.environ["SHOP_KEY_SECRET"],
        issuer=os.environ["SHOP_ISSUER"],
        cookie={},
        access_cookie={},
    )
    web.run_app(create_app(auth), port=8080)


if __name__ == "__main__":
    main()
