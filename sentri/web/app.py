"""The sub-application: its routes and its errors."""

from __future__ import annotations

from aiohttp import web

from sentri.web.errors import SubApplicationErrors
from sentri.web.handlers import Endpoints

__all__ = ["build_app"]


def build_app(endpoints: Endpoints, errors: SubApplicationErrors, *, registration: bool) -> web.Application:
    """A fresh application with every endpoint, to be mounted with `add_subapp`."""
    app = web.Application(middlewares=[errors])
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
