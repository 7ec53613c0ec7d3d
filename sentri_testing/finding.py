"""Finding the auth object of an application under test, however it was wired."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from sentri.client.auth import AuthClient
from sentri.server.auth import AuthServer
from sentri.web.auth import AUTH, Auth
from sentri.web.routes import routes_of

__all__ = ["AnyAuth", "auth_of", "known_auth"]

AnyAuth = AuthServer | AuthClient


def known_auth(given: object) -> AnyAuth:
    """The auth object that a test gave. Raises `TypeError` for anything else."""
    if not isinstance(given, AuthServer | AuthClient):
        raise TypeError(f"auth is a {type(given).__name__}; give what create_auth or create_auth_server made")
    return given


def auth_of(app: web.Application) -> AnyAuth:
    """The application's auth object: `app[sentri.AUTH]`, else the one that is mounted in it or that guards its routes.

    Raises `LookupError`, which says what to do, where there is none or where there are several.
    """
    own = app.get(AUTH)
    found = [own] if own is not None else list(dict.fromkeys(_all_in(app)))
    match found:
        case [auth]:
            return known_auth(auth)
        case []:
            raise LookupError(
                "this application has no auth object: no app[sentri.AUTH], no auth.app() in it, and no route with a "
                "guard of one. Wire it with auth.setup(app), or say which one it is: auth=…"
            )
        case _:
            listed = ", ".join(map(repr, found))
            raise LookupError(
                f"this application has {len(found)} auth objects, {listed}. Say which one is meant: auth=…"
            )


def _all_in(app: web.Application) -> Iterator[Auth]:
    for resource in app.router.resources():
        inner = resource.get_info().get("app")
        if inner is not None:
            if AUTH in inner:
                yield inner[AUTH]
            yield from _all_in(inner)
    for route in routes_of(app):
        yield from (guard.auth for guard in route.guards if guard.auth is not None)
