"""The audit of an application's routes, as a test: nothing is open that the test does not name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from aiohttp import web

from sentri.web.auditing import Audit, audit
from sentri.web.routes import ListedRoute

__all__ = ["assert_all_routes_guarded"]

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
    found = audit(app, public)
    findings = [*_holes(found), *found.wrong]
    if not found.routes:
        findings.append("The application has no route. Are they added before this is asked?")
    if findings:
        raise AssertionError("\n\n".join(findings))


def _holes(found: Audit) -> Iterator[str]:
    if found.holes:
        many = "1 route has" if len(found.holes) == 1 else f"{len(found.holes)} routes have"
        entries = sorted({found.entry_for(route) for route in found.holes})
        yield "\n".join([f"{many} no guard that can be seen:", *map(_line, found.holes), _WHAT_TO_DO + str(entries)])


def _line(route: ListedRoute) -> str:
    place = "" if route.place is None else f"  {route.place}"
    remarks = "".join(f"\n      {remark}" for remark in route.remarks)
    return f"  {route.shown}  {route.name}{place}{remarks}"
