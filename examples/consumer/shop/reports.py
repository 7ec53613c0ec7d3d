"""Another service, for whoever is logged in at the main API. Everything is closed but the probes."""

from __future__ import annotations

import os
from typing import Final

from aiohttp import web

from sentri import AuthClient, authorize, create_auth, current_user

AUTH: Final = web.AppKey("auth", AuthClient)


async def health(_: web.Request) -> web.Response:
    """Whether the process lives."""
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.Response:
    """Whether tokens can be verified."""
    state = request.app[AUTH].keys.status().state
    return web.json_response({"keys": state}, status=503 if state == "unavailable" else 200)


async def reports(request: web.Request) -> web.Response:
    """For everybody who is logged in: the middleware guards it."""
    return web.json_response({"reports": ["orders"], "for": current_user(request).identifier})


@authorize("admin")
async def revenue(_: web.Request) -> web.Response:
    """For admins."""
    return web.json_response({"revenue": 3})


def create_app(auth: AuthClient) -> web.Application:
    """The application."""
    app = web.Application()
    auth.setup(app)
    app[AUTH] = auth
    app.middlewares.append(auth.protect_middleware(exclude=["/health", "/ready"]))
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/ready", ready),
            web.get("/reports", reports),
            web.get("/reports/revenue", revenue),
        ]
    )
    return app


def main() -> None:
    """Run it as production does."""
    auth = create_auth(
        mode="client", key_uri=os.environ["SHOP_KEY_URI"], issuer=os.environ["SHOP_ISSUER"], access_cookie={}
    )
    web.run_app(create_app(auth), port=8081)


if __name__ == "__main__":
    main()
