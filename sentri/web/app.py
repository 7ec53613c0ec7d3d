"""The sub-application: its routes and its errors."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sentri.web.errors import SubApplicationErrors
from sentri.web.gates import Gate
from sentri.web.handlers import Endpoints

__all__ = ["build_app"]


def build_app(
    endpoints: Endpoints, errors: SubApplicationErrors, *, registration: bool, same_site: Gate | None
) -> web.Application:
    """A fresh application with every endpoint, to be mounted with `add_subapp`.

    With cookies, `same_site` checks every unsafe request, with or without one: another site may not even log in.
    """
    app = web.Application(middlewares=[errors] if same_site is None else [errors, _same_site_only(same_site)])
    if registration:
        app.router.add_post("/register", endpoints.register)
    app.router.add_post("/login", endpoints.login)
    app.router.add_post("/refresh", endpoints.refresh)
    app.router.add_post("/logout", endpoints.logout)
    app.router.add_post("/logout-all", endpoints.logout_all)
    app.router.add_get("/me", endpoints.me)
    app.router.add_patch("/me/identifier", endpoints.change_identifier)
    app.router.add_patch("/me/password", endpoints.change_password)
    app.router.add_post("/users/{userId}/roles", endpoints.assign_roles)
    app.router.add_get("/keys", endpoints.keys)
    return app


def _same_site_only(same_site: Gate) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        await same_site.enter(request)
        return await handler(request)

    return check
