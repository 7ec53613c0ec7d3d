"""`sentri routes`: which handlers of an application are guarded by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncclick

from sentri.cli.failures import FOUND_SOMETHING
from sentri.cli.loading import application_named
from sentri.cli.showing import json_option, print_json, show_table
from sentri.web.auditing import Audit, audit
from sentri.web.routes import ListedRoute

__all__ = ["routes"]


@asyncclick.command()
@asyncclick.argument("application", metavar="MODULE:APP")
@asyncclick.option(
    "--public",
    multiple=True,
    metavar="ROUTE",
    help="Open on purpose: a route (/health), one method ('GET /orders'), a subtree ('/docs/*'). May be repeated.",
)
@json_option
async def routes(application: str, public: Sequence[str], *, as_json: bool) -> None:
    """List every route of an application, with what guards it.

    MODULE:APP is an aiohttp application, such as shop.main:app, or a function that makes one. It is loaded, not
    started. Ends with 3 where a route is open that --public does not name, or where --public names what is not open:
    for continuous integration.
    """
    found = audit(await application_named(application), public)
    (_show_json if as_json else _show)(found)
    if found.holes or found.wrong:
        raise asyncclick.exceptions.Exit(FOUND_SOMETHING)


def _show(found: Audit) -> None:
    show_table(
        ("METHOD", "ROUTE", "GUARDED BY", "HANDLER"),
        [(route.method, _where(route), _guards(route, found), _handler(route)) for route in found.routes],
        in_lines=True,
    )
    if found.holes:
        many = "1 route is" if len(found.holes) == 1 else f"{len(found.holes)} routes are"
        names = " ".join(sorted(f"--public {found.entry_for(route)!r}" for route in found.holes))
        asyncclick.echo(f"\n{many} open. Guard what is not meant to be, and name the rest: {names}", err=True)
    for wrong in found.wrong:
        asyncclick.echo(f"--{wrong}", err=True)


def _where(route: ListedRoute) -> str:
    return route.pattern if route.domain is None else f"{route.pattern} at {route.domain}"


def _handler(route: ListedRoute) -> str:
    if route.own is not None:
        return "-"  # nobody looks for sentri's own
    return route.name if route.place is None else f"{route.name} {route.place}"


def _guards(route: ListedRoute, found: Audit) -> str:
    if route.guards:
        return ", ".join(guard.kind for guard in route.guards)
    return {"own": "itself (sentri's)", "preflight": "nothing to guard", "public": "public", "open": "OPEN"}[
        _state(route, found)
    ]


def _state(route: ListedRoute, found: Audit) -> str:
    if route.guards:
        return "guarded"
    if route.own is not None:
        return "own"
    if route.is_preflight:
        return "preflight"
    return "open" if route in found.holes else "public"


def _show_json(found: Audit) -> None:
    print_json({"routes": [_as_dict(route, found) for route in found.routes], "wrong": list(found.wrong)})


def _as_dict(route: ListedRoute, found: Audit) -> dict[str, Any]:
    return {
        "method": route.method,
        "pattern": route.pattern,
        "domain": route.domain,
        "state": _state(route, found),
        "guards": [guard.kind for guard in route.guards],
        "handler": route.name,
        "place": route.place,
        "remarks": list(route.remarks),
    }
