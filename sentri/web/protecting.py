"""Protecting a whole application: everything is closed, except what is named open."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from sentri.errors import ConfigurationError
from sentri.web.guards import Guards, is_open_preflight

__all__ = ["ProtectMiddleware", "mark_public"]

_MARK: Final = "__sentri_public__"


def mark_public(handler: Any, owner: object) -> Any:
    """Mark a handler, a View class or a View method as open to all under `owner`'s middleware. No guard is removed.

    A bound method comes back as a function of its own: its mark is not that of the method of other objects.
    """
    if not callable(handler):
        raise ConfigurationError(f"public() takes a handler, not a {type(handler).__name__}")
    marked = functools.update_wrapper(functools.partial(handler), handler) if inspect.ismethod(handler) else handler
    setattr(marked, _MARK, (*vars(marked).get(_MARK, ()), owner))
    return marked


def _is_marked(thing: object, owner: object) -> bool:
    # A class counts only by its own mark: a subclass of a public View is not public by accident.
    return any(mark is owner for mark in getattr(thing, "__dict__", {}).get(_MARK, ()))


@web.middleware
class ProtectMiddleware:
    """Guards every request of the application that it is installed in, unknown paths too.

    Open are: the auth server's own endpoints (they guard themselves), handlers marked public, CORS preflights to
    handlers made for them, and the resources that `exclude` names.

    Args:
        guards: what lets a request in.
        owner: whose public marks and whose sub-applications count.
        is_own: whether an application is the auth server's own.
        exclude: patterns of routes (`/files/{name}`), or subtrees (`/docs/*`), as the matched resource has them.
    """

    def __init__(
        self, guards: Guards, *, owner: object, is_own: Callable[[web.Application], bool], exclude: Iterable[str]
    ) -> None:
        entries = _entries(exclude)
        self._guards = guards
        self._owner = owner
        self._is_own = is_own
        self._exact = frozenset(entry for entry in entries if not entry.endswith("/*"))
        self._subtrees = tuple(entry.removesuffix("/*") for entry in entries if entry.endswith("/*"))
        self._checked = not entries

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._checked:
            self.check(request.match_info.apps[0])
        if not self._is_open(request):
            await self._guards.enter(request)
        return await handler(request)

    def check(self, app: web.Application) -> None:
        """Raises `CONFIGURATION_ERROR` for an entry that no route of the application has. Asked at start-up where the
        application can be found, else by the first request, which then is refused with a 500.
        """
        known = {route.resource.canonical for route in app.router.routes() if route.resource is not None}
        strange = sorted(self._exact - known)
        strange += [f"{tree}/*" for tree in self._subtrees if not any(_within(path, tree) for path in known)]
        if strange:
            raise ConfigurationError(f"protect_middleware: exclude names {strange}, which no route has")
        self._checked = True

    def check_applications(self) -> None:
        """Check every living application that has this middleware in its list.

        aiohttp never tells a middleware which application it is in, and an entry that matches nothing has to be found
        before the first request; so this asks the garbage collector, once, at start-up.
        """
        if not self._checked:
            for app in _applications():
                if any(middleware is self for middleware in app.middlewares):
                    self.check(app)

    def _is_open(self, request: web.Request) -> bool:
        match = request.match_info
        if any(self._is_own(app) for app in match.apps):
            return True
        handler = match.handler
        if is_open_preflight(request, handler) or _is_marked(handler, self._owner):
            return True
        if isinstance(handler, type) and _is_marked(getattr(handler, request.method.lower(), None), self._owner):
            return True
        resource = match.route.resource
        return resource is not None and self._is_excluded(resource.canonical)

    def _is_excluded(self, path: str) -> bool:
        return path in self._exact or any(_within(path, tree) for tree in self._subtrees)


def _entries(exclude: Iterable[str]) -> tuple[str, ...]:
    entries = (exclude,) if isinstance(exclude, str) or not isinstance(exclude, Iterable) else tuple(exclude)
    for entry in entries:
        if not _is_pattern(entry):
            raise ConfigurationError(
                f"protect_middleware: exclude has {entry!r}; give the pattern of a route, such as '/files/{{name}}', "
                "or a subtree that ends in '/*'"
            )
    return entries


def _is_pattern(entry: object) -> bool:
    return isinstance(entry, str) and entry.startswith("/") and entry != "/*" and "*" not in entry.removesuffix("/*")


def _within(path: str, tree: str) -> bool:
    return path == tree or path.startswith(f"{tree}/")


def _applications() -> Iterator[web.Application]:
    for thing in gc.get_objects():
        if issubclass(type(thing), web.Application):
            yield thing
