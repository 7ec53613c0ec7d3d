"""The audit of an application's routes: what is open, beside what is meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from sentri.config.reading import suggestion
from sentri.web.protecting import RoutePattern
from sentri.web.routes import ListedRoute, routes_of

__all__ = ["Audit", "audit"]

_WITH_METHOD: Final = re.compile(r"([A-Za-z]+|\*) +(/.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        routes: every route that somebody wrote, sorted by pattern.
        holes: those that are open and that nobody named public.
        wrong: what is wrong with the list of public ones, a sentence each: entries that are none, that no route has,
            or whose route has a guard by now.
    """

    routes: tuple[ListedRoute, ...]
    holes: tuple[ListedRoute, ...]
    wrong: tuple[str, ...]

    def entry_for(self, route: ListedRoute) -> str:
        """What names the open route in the list of public ones, and nothing that is guarded."""
        alike = (other for other in self.routes if other.pattern == route.pattern and not other.is_preflight)
        return route.pattern if all(other.is_open for other in alike) else f"{route.method} {route.pattern}"


def audit(app: web.Application, public: Iterable[str] = ()) -> Audit:
    """Look at every route of the application and of those mounted in it, before or after its start.

    Args:
        app: the application that is run.
        public: what anybody may use: the pattern of a route (`"/health"`, `"/files/{name}"`), one method of it
            (`"GET /orders"`), or a subtree (`"/docs/*"`, which holds `/docs` too).
    """
    routes = _without_implied_heads(routes_of(app))
    texts = (public,) if isinstance(public, str) else tuple(public)
    entries = [_Entry(text) for text in texts if _is_entry(text)]
    holes = [route for route in routes if route.is_open and not any(entry.names(route) for entry in entries)]
    return Audit(routes=tuple(routes), holes=tuple(holes), wrong=(*_strange(texts), *_stale(entries, routes)))


class _Entry:
    """One entry of the list of public routes."""

    def __init__(self, text: str) -> None:
        with_method = _WITH_METHOD.fullmatch(text)
        method, pattern = with_method.groups() if with_method else (None, text)
        self.text = text
        self.method = method and method.upper()
        self._text = pattern
        self._pattern = RoutePattern(pattern)

    @property
    def is_of_every_method(self) -> bool:
        """Whether it is a route's pattern, which opens whatever methods it has."""
        return self.method is None and not self._text.endswith("/*")

    def names(self, route: ListedRoute) -> bool:
        if self.method is not None and self.method != route.method:
            return False
        # The canonical pattern of a route with a regular expression has none; it is what the message shows.
        return self._text == route.pattern or self._pattern.names(route.resource)


def _is_entry(text: object) -> bool:
    if not isinstance(text, str):
        return False
    with_method = _WITH_METHOD.fullmatch(text)
    return RoutePattern.is_one(with_method[2] if with_method else text)


def _without_implied_heads(routes: Iterable[ListedRoute]) -> list[ListedRoute]:
    """Without those that `add_get` adds for the handler of a GET: nobody wrote them."""
    found = list(routes)
    gets = {(r.resource, r.name, r.line, r.guards) for r in found if r.method == hdrs.METH_GET}
    return [r for r in found if r.method != hdrs.METH_HEAD or (r.resource, r.name, r.line, r.guards) not in gets]


def _strange(texts: Iterable[object]) -> Iterator[str]:
    for text in texts:
        if not _is_entry(text):
            yield (
                f"public has {text!r}; give the pattern of a route, such as '/files/{{name}}', one method of it, such "
                "as 'GET /orders', or a subtree that ends in '/*'"
            )


def _stale(entries: Iterable[_Entry], routes: Sequence[ListedRoute]) -> Iterator[str]:
    for entry in entries:
        named = [route for route in routes if entry.names(route)]
        if not named:
            known = [route.pattern if entry.method is None else f"{route.method} {route.pattern}" for route in routes]
            yield f"public has {entry.text!r}, which no route has{suggestion(entry.text, known)}"
        elif not any(route.is_open for route in named):
            yield f"public has {entry.text!r}, but {_why_closed(named[0])}: take it out"
        elif entry.is_of_every_method and (guarded := _guarded_beside_open(named)):
            yield (
                f"public has {entry.text!r}, but {_why_closed(guarded)}: name the open method alone, "
                f"{' and '.join(sorted({repr(f'{r.method} {r.pattern}') for r in named if r.is_open}))}"
            )


def _guarded_beside_open(named: Sequence[ListedRoute]) -> ListedRoute | None:
    open_at = {route.domain for route in named if route.is_open}
    return next((route for route in named if route.guards and route.domain in open_at), None)


def _why_closed(route: ListedRoute) -> str:
    if route.guards:
        return f"{route.shown} is guarded ({', '.join(guard.kind for guard in route.guards)})"
    if route.own is not None:
        return f"{route.shown} is sentri's own, which guards itself"
    return f"{route.shown} only answers preflights"
