"""Which routes an application has, and what guards each of them: for those who audit or list them."""

from __future__ import annotations

import functools
import inspect
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import hdrs, web

from sentri.web.auth import AUTH, Auth
from sentri.web.gates import Gate, gates_around, is_plain_view
from sentri.web.protecting import ProtectMiddleware

__all__ = ["ListedRoute", "RouteGuard", "routes_of"]

_EXCLUDED: Final = "a protect_middleware excludes it"
_PUBLIC: Final = "it is marked @auth.public"
_CHOOSES_ITSELF: Final = "this View chooses itself which method it runs: only guards around the whole class count"

Applications = tuple[web.Application, ...]


@dataclass(frozen=True, slots=True)
class RouteGuard:
    """One guard that a request has to pass.

    Attributes:
        kind: "protect", "authorize: admin", "permit: is_owner" or "protect_middleware".
        auth: the auth object that is asked; None for an imported guard that finds none, which refuses everybody.
    """

    kind: str
    auth: Auth | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRoute:
    """One method of one route; each method of a View counts on its own.

    Attributes:
        method: `*` for a handler of every method.
        pattern: the canonical pattern with every prefix, such as `/shop/orders/{id}`.
        domain: of the `add_domain` that it is reached by.
        name: `module:qualified_name` of the handler, below what guards and decorators made of it.
        file: where it is defined, with `line`; None where that can't be told.
        guards: in the order in which a request comes to them. One inside a decorator that hides what it decorates
            (without `functools.wraps`) can't be seen, and is not here.
        own: the auth object whose own endpoint it is: it decides itself whom it answers.
        is_preflight: whether it is aiohttp-cors's answer to preflights, which says what browsers may do, and no more.
        remarks: why there is no guard where one may have been meant.
        resource: aiohttp's, to compare patterns with.
    """

    method: str
    pattern: str
    domain: str | None
    name: str
    file: str | None
    line: int | None
    guards: tuple[RouteGuard, ...]
    own: Auth | None
    is_preflight: bool
    remarks: tuple[str, ...]
    resource: web.AbstractResource = field(repr=False, compare=False)

    @property
    def is_open(self) -> bool:
        """Whether anybody gets to it, as far as can be seen."""
        return not self.guards and self.own is None and not self.is_preflight

    @property
    def shown(self) -> str:
        """Method, pattern and domain, for people."""
        return f"{self.method} {self.pattern}" + (f" (at {self.domain})" if self.domain else "")

    @property
    def place(self) -> str | None:
        """File and line of its handler, the file as seen from the current folder."""
        if self.file is None:
            return None
        path, here = Path(self.file), Path.cwd()
        return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{self.line}"


def routes_of(app: web.Application) -> tuple[ListedRoute, ...]:
    """Every route of the application and of the applications in it, sorted by pattern; before or after its start.

    Nothing above it is known: give the one that is run, not one that is mounted in it.
    """
    return tuple(sorted(_routes_in((app,), None), key=lambda r: (r.pattern, r.domain or "", r.method, r.name)))


def _routes_in(apps: Applications, domain: str | None) -> Iterator[ListedRoute]:
    for resource in apps[-1].router.resources():
        info = resource.get_info()
        inner = info.get("app")
        if inner is not None:
            rule = info.get("rule")
            yield from _routes_in((*apps, inner), domain if rule is None else _domain_of(rule))
            continue
        for route in resource:
            for method in _methods_of(route):
                yield _listed(_Endpoint(apps, resource, route, method), domain)


def _domain_of(rule: Any) -> str:
    return str(rule.get_info().get("domain", rule.canonical))


def _methods_of(route: web.AbstractRoute) -> list[str]:
    """The route's own; of a View that is there for every method, those that it has."""
    view: Any = route.handler
    if route.method != hdrs.METH_ANY or not _is_view(view):
        return [route.method]
    return sorted(method for method in hdrs.METH_ALL if hasattr(view, method.lower())) or [route.method]


def _is_view(handler: Any) -> bool:
    return isinstance(handler, type) and issubclass(handler, web.View)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One method of a route, and the applications that a request passes on its way to it."""

    apps: Applications
    resource: web.AbstractResource
    route: web.AbstractRoute
    method: str

    @property
    def handler(self) -> Any:
        return self.route.handler

    @property
    def function(self) -> Any:
        """What runs in the end, below guards and decorators."""
        return _innermost(getattr(self.handler, self.method.lower(), None) if _is_view(self.handler) else self.handler)

    @property
    def is_dispatched_by_itself(self) -> bool:
        return isinstance(self.handler, type) and not (_is_view(self.handler) and is_plain_view(self.handler))


def _listed(endpoint: _Endpoint, domain: str | None) -> ListedRoute:
    code = getattr(endpoint.function, "__code__", None)
    is_static = isinstance(endpoint.resource, web.StaticResource)
    remarks = list(_remarks(endpoint))
    return ListedRoute(
        method=endpoint.method,
        pattern=endpoint.resource.canonical or "/",
        domain=domain,
        name=_name_of(endpoint),
        file=None if code is None or is_static else code.co_filename,
        line=None if code is None or is_static else code.co_firstlineno,
        guards=(*_of_middlewares(endpoint), *_of_handler(endpoint)),
        own=_owner_of(endpoint),
        is_preflight=_is_preflight(endpoint),
        remarks=tuple(dict.fromkeys(remarks)),
        resource=endpoint.resource,
    )


def _of_middlewares(endpoint: _Endpoint) -> Iterator[RouteGuard]:
    for middleware, guard in _protecting(endpoint):
        if _opening(middleware, endpoint) is None and not (guard.auth and guard.auth.owns(endpoint.route)):
            yield guard


def _protecting(endpoint: _Endpoint) -> Iterator[tuple[ProtectMiddleware, RouteGuard]]:
    for app in endpoint.apps:
        for middleware in app.middlewares:
            if isinstance(middleware, ProtectMiddleware):
                yield middleware, _guard_of(middleware.gate, endpoint)


def _opening(middleware: ProtectMiddleware, endpoint: _Endpoint) -> str | None:
    """Why the middleware lets everybody through."""
    if middleware.excludes(endpoint.resource):
        return _EXCLUDED
    return _PUBLIC if middleware.is_public(endpoint.handler, endpoint.method) else None


def _of_handler(endpoint: _Endpoint) -> Iterator[RouteGuard]:
    method = hdrs.METH_ANY if endpoint.is_dispatched_by_itself else endpoint.method
    for gate in gates_around(endpoint.handler, method):
        yield _guard_of(gate, endpoint)


def _guard_of(gate: Gate, endpoint: _Endpoint) -> RouteGuard:
    judge = gate.judge(ChainMap[Any, Any](*reversed(endpoint.apps)))
    return RouteGuard(gate.kind, judge if isinstance(judge, Auth) else None)


def _remarks(endpoint: _Endpoint) -> Iterator[str]:
    yield from filter(None, (_opening(middleware, endpoint) for middleware, _ in _protecting(endpoint)))
    if endpoint.is_dispatched_by_itself:
        yield _CHOOSES_ITSELF


def _owner_of(endpoint: _Endpoint) -> Auth | None:
    found = (app.get(AUTH) for app in reversed(endpoint.apps))
    return next((auth for auth in found if auth is not None and auth.owns(endpoint.route)), None)


def _is_preflight(endpoint: _Endpoint) -> bool:
    """aiohttp-cors's handler refuses what is no preflight. A handler of the host's own might tell more."""
    module = str(getattr(endpoint.function, "__module__", ""))
    return module.partition(".")[0] == "aiohttp_cors"


def _name_of(endpoint: _Endpoint) -> str:
    if isinstance(endpoint.resource, web.StaticResource) and endpoint.method != hdrs.METH_OPTIONS:
        return f"files of {endpoint.resource.get_info()['directory']}"
    if isinstance(endpoint.handler, type):
        method = "" if endpoint.method == hdrs.METH_ANY else f".{endpoint.method.lower()}"
        return f"{endpoint.handler.__module__}:{endpoint.handler.__qualname__}{method}"
    function = endpoint.function
    return f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def _innermost(function: Any) -> Any:
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            return function
