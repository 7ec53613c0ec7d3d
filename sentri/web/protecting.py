"""Protecting a whole application: everything is closed, except what is named open."""

from __future__ import annotations

import functools
import gc
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from sentri.errors import ConfigurationError, SentriError
from sentri.identity import AuthUser
from sentri.web.gates import Gate
from sentri.web.guards import Guards, is_open_preflight

__all__ = ["ProtectMiddleware", "RoutePattern", "is_public", "mark_public"]

_MARK: Final = "__sentri_public__"
_IN_BRACES: Final = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}")


def mark_public(handler: Any, owner: object) -> Any:
    """Mark a handler, a View class or a View method as open to all under `owner`'s middleware. No guard is removed.

    A bound method comes back as a function of its own: its mark is not that of the method of other objects.
    """
    if not callable(handler):
        raise ConfigurationError(f"public() takes a handler, not a {type(handler).__name__}")
    marked = functools.update_wrapper(functools.partial(handler), handler) if inspect.ismethod(handler) else handler
    setattr(marked, _MARK, (*vars(marked).get(_MARK, ()), owner))
    return marked


def is_public(thing: object, owner: object) -> bool:
    """Whether `mark_public` has marked it for this owner."""
    # A class counts only by its own mark: a subclass of a public View is not public by accident.
    return any(mark is owner for mark in getattr(thing, "__dict__", {}).get(_MARK, ()))


@web.middleware
class ProtectMiddleware:
    """Guards every request of the application that it is installed in, unknown paths too.

    Open are: the auth server's own endpoints (they guard themselves), handlers marked public, CORS preflights to
    handlers made for them, and the resources that `exclude` names. A refusal is answered with the envelope, wherever
    the error middleware stands.

    Args:
        guards: what lets a request in.
        owner: whose public marks count.
        is_own: whether a request was matched to an endpoint of the auth server's own.
        exclude: patterns of routes (`/files/{name}`), or subtrees (`/docs/*`).
        refuse: answers a request that is not let in.
    """

    def __init__(
        self,
        guards: Guards,
        *,
        owner: object,
        is_own: Callable[[web.UrlMappingMatchInfo], bool],
        exclude: Iterable[str],
        refuse: Callable[[web.Request, SentriError], web.StreamResponse],
    ) -> None:
        self._guards = guards
        self._owner = owner
        self._is_own = is_own
        self._refuse = refuse
        self._exclusions = [RoutePattern(entry) for entry in _entries(exclude)]
        self._open: set[web.AbstractResource] = set()
        self._checked = not self._exclusions
        self.gate = Gate(self._enter, enter_at_once=self._enter_at_once, judge=guards.judge, kind="protect_middleware")

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if not self.gate.enter_at_once(request):
                await self.gate.enter(request)
        except SentriError as error:
            return self._refuse(request, error)
        return await handler(request)

    async def _enter(self, request: web.Request) -> AuthUser | None:
        if not self._checked:
            self.check(request.match_info.apps[0])
        return None if self._is_open(request) else await self._guards.enter(request)

    def _enter_at_once(self, request: web.Request) -> bool:
        return self._checked and (self._is_open(request) or self._guards.enter_at_once(request))

    def check(self, app: web.Application) -> None:
        """Find the resources that `exclude` names. Raises `CONFIGURATION_ERROR` for an entry that no route of the
        application has. Asked at start-up where the application can be found, else by the first request.
        """
        resources = {route.resource for route in app.router.routes() if route.resource is not None}
        strange = [entry.text for entry in self._exclusions if not any(map(entry.names, resources))]
        if strange:
            raise ConfigurationError(f"protect_middleware: exclude names {strange}, which no route has")
        self._open |= set(filter(self.excludes, resources))
        self._checked = True

    def excludes(self, resource: web.AbstractResource) -> bool:
        """Whether `exclude` names the resource."""
        return any(entry.names(resource) for entry in self._exclusions)

    def is_public(self, handler: object, method: str) -> bool:
        """Whether the handler of a route is marked public, or the method of a View that such a request runs."""
        if is_public(handler, self._owner):
            return True
        return isinstance(handler, type) and is_public(vars(handler).get(method.lower()), self._owner)

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
        return (
            match.route.resource in self._open
            or self._is_own(match)
            or self.is_public(match.handler, request.method)
            or is_open_preflight(request)
        )


class RoutePattern:
    """A route, or a subtree, by name: compared with the pattern that a resource was made from, never with a request's
    path.

    Args:
        text: the exact pattern of a route (`/files/{name}`), or a subtree of whole segments (`/docs/*`). `is_one` tells
            what else there is.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = text.removesuffix("/*") if text.endswith("/*") else None
        self._plain = {text, URL.build(path=text).raw_path} if "{" not in text else set()
        self._pattern = web.DynamicResource(text).get_info()["pattern"].pattern if "{" in text else None

    def names(self, resource: web.AbstractResource) -> bool:
        path = resource.canonical or "/"  # which aiohttp makes of it when it starts
        if self._tree is not None:
            return path == self._tree or path.startswith(f"{self._tree}/")
        pattern = resource.get_info().get("pattern")
        return path in self._plain if pattern is None else pattern.pattern == self._pattern

    @staticmethod
    def is_one(text: object) -> bool:
        """Whether it is the pattern of a route, or a subtree smaller than everything."""
        if not isinstance(text, str) or not text.startswith("/") or text == "/*":
            return False
        try:
            web.DynamicResource(text.removesuffix("/*"))
        except ValueError:
            return False
        return "*" not in _IN_BRACES.sub("", text.removesuffix("/*"))


def _entries(exclude: Iterable[str]) -> tuple[str, ...]:
    entries = (exclude,) if isinstance(exclude, str) or not isinstance(exclude, Iterable) else tuple(exclude)
    for entry in entries:
        if not RoutePattern.is_one(entry):
            raise ConfigurationError(
                f"protect_middleware: exclude has {entry!r}; give the pattern of a route, such as '/files/{{name}}', "
                "or a subtree that ends in '/*'"
            )
    return entries


def _applications() -> Iterator[web.Application]:
    for thing in gc.get_objects():
        if issubclass(type(thing), web.Application):
            yield thing
