"""Guards that nobody passes: around a function that a route has without them; `@auth.protect` above `@routes.get`."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, Final

from aiohttp import web

from sentri.errors import ConfigurationError
from sentri.web.gates import gate_of

__all__ = ["check_routes", "remember_guarded", "starting_application"]

_MARK: Final = "__sentri_guarded__"


def remember_guarded(function: Any, guards: object) -> None:
    """Note on a function, and on what it is made of, that one of these guards was put around it."""
    for layer in _layers(function):
        known = _guards_around(layer)
        if known is None:
            known = weakref.WeakSet[Any]()
            try:
                setattr(layer, _MARK, (layer, known))
            except AttributeError:  # a bound method, say: no decorator is given one
                continue
        known.add(guards)


def check_routes(app: web.Application, guards: Iterable[object], *, is_public: Callable[[object], bool]) -> None:
    """Raises `CONFIGURATION_ERROR` for every route that has a function without the guard that was put around it, where
    no other route has it with the guard.
    """
    routes = list(app.router.routes())
    with_guard = {id(layer) for route in routes for layer in _behind_a_gate(route.handler)}
    found = [
        route
        for route in routes
        if any(each in (_guards_around(route.handler) or ()) for each in guards)
        and id(route.handler) not in with_guard
        and not is_public(route.handler)
    ]
    if found:
        names = ", ".join(sorted({_name(route) for route in found}))
        raise ConfigurationError(
            f"a guard was put around the handler of {names}, but the route has the handler without it: what registers "
            "it, such as @routes.get(…), belongs above the guard. Where it is meant to be open, @auth.public says so"
        )


def starting_application() -> web.Application | None:
    """The application whose start has led here; None where there is none.

    aiohttp tells a sub-application nothing of what it is mounted in, so this looks who called.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - documented, if only for CPython
    while frame is not None and frame.f_code is not web.Application.startup.__code__:
        frame = frame.f_back
    found = None if frame is None else frame.f_locals.get("self")
    return found if isinstance(found, web.Application) else None


def _guards_around(function: Any) -> weakref.WeakSet[Any] | None:
    # `functools.wraps` copies marks along: one counts only on the function that it was made for.
    marked, guards = getattr(function, "__dict__", {}).get(_MARK, (None, None))
    return guards if marked is function else None


def _layers(function: Any) -> Iterator[Any]:
    while function is not None:
        yield function
        is_partial = isinstance(function, functools.partial)
        function = function.func if is_partial else getattr(function, "__wrapped__", None)


def _behind_a_gate(handler: Any) -> Iterator[Any]:
    """What of a handler is reached through a guard."""
    passed = False
    for layer in _layers(handler):
        if passed:
            yield layer
        passed = passed or gate_of(layer) is not None


def _name(route: web.AbstractRoute) -> str:
    handler: Any = route.handler
    where = "an unknown path" if route.resource is None else route.resource.canonical
    return f"{where} ({handler.__module__}:{getattr(handler, '__qualname__', type(handler).__qualname__)})"
