"""The audit of an application's routes: nothing is open that the test does not name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from sentri.config.reading import suggestion
from sentri.web.protecting import RoutePattern
from sentri.web.routes import ListedRoute, routes_of

__all__ = ["assert_all_routes_guarded"]

_WITH_METHOD: Final = re.compile(r"([A-Za-z]+|\*) +(/.*)", re.DOTALL)
_WHAT_TO_DO: Final = """\
Guard it: `@auth.protect`, `@auth.authorize(...)` or `@auth.permit(...)`, or `auth.protect_middleware()` for a whole
application. A guard inside a decorator that hides what it decorates cannot be seen: give that one functools.wraps.
If everybody may use it, say so in the test: public="""


def assert_all_routes_guarded(app: web.Application, public: Iterable[str] = ()) -> None:
    """Every handler of the application, and of those mounted in it, is guarded, except what `public` names.

    Guarded is what `protect`, `authorize`, `permit` or a `protect_middleware` stands in front of, of whichever auth
    object. sentri's own endpoints guard themselves, and aiohttp-cors's answers to preflights need no guard; everything
    else has to be named: what `exclude` or `@auth.public` opens too, and files of `add_static`. So the test holds the
    whole list of what is open.

    Args:
        app: the application that is run, before or after its start.
        public: what anybody may use: the pattern of a route (`"/health"`, `"/files/{name}"`), one method of it
            (`"GET /orders"`), or a subtree (`"/docs/*"`, which holds `/docs` too).

    Raises:
        AssertionError: names every handler without a guard, with the place where it is written; and every entry of
            `public` that no route has any more, or whose route has a guard by now.
    """
    __tracebackhide__ = True
    if not isinstance(app, web.Application):
        raise TypeError(f"assert_all_routes_guarded takes a web.Application, not a {type(app).__name__}")
    routes = _without_implied_heads(routes_of(app))
    texts = (public,) if isinstance(public, str) else tuple(public)
    entries = [_Entry(text) for text in texts if _is_entry(text)]
    open_ones = [route for route in routes if route.is_open and not any(entry.names(route) for entry in entries)]
    findings = [*_holes(open_ones, routes), *_strange(texts), *_stale(entries, routes)]
    if not routes:
        findings.append("The application has no route. Are they added before this is asked?")
    if findings:
        raise AssertionError("\n\n".join(findings))


class _Entry:
    """One entry of `public`."""

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


# --- what is said


def _holes(open_ones: Sequence[ListedRoute], routes: Sequence[ListedRoute]) -> Iterator[str]:
    if open_ones:
        many = "1 route has" if len(open_ones) == 1 else f"{len(open_ones)} routes have"
        entries = sorted({_entry_for(route, routes) for route in open_ones})
        yield "\n".join([f"{many} no guard that can be seen:", *map(_line, open_ones), _WHAT_TO_DO + str(entries)])


def _line(route: ListedRoute) -> str:
    remarks = "".join(f"\n      {remark}" for remark in route.remarks)
    return f"  {_shown(route)}  {route.name}{_place(route)}{remarks}"


def _shown(route: ListedRoute) -> str:
    return f"{route.method} {route.pattern}" + (f" (at {route.domain})" if route.domain else "")


def _place(route: ListedRoute) -> str:
    if route.file is None:
        return ""
    path = Path(route.file)
    here = Path.cwd()
    return f"  {path.relative_to(here) if path.is_relative_to(here) else path}:{route.line}"


def _entry_for(route: ListedRoute, routes: Iterable[ListedRoute]) -> str:
    """What names it in `public`, and nothing that is guarded."""
    alike = (other for other in routes if other.pattern == route.pattern and not other.is_preflight)
    return route.pattern if all(other.is_open for other in alike) else f"{route.method} {route.pattern}"


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
        return f"{_shown(route)} is guarded ({', '.join(guard.kind for guard in route.guards)})"
    if route.own is not None:
        return f"{_shown(route)} is sentri's own, which guards itself"
    return f"{_shown(route)} only answers preflights"
