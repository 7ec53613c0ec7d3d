"""The sub-application: its routes and its errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from sentri.web.endpoints.serving import Served
from sentri.web.errors import SubApplicationErrors
from sentri.web.gates import Gate

__all__ = ["SubApplication", "build_app"]


@dataclass(frozen=True, slots=True)
class SubApplication:
    """An application, and which of its routes is which endpoint."""

    app: web.Application
    served: Mapping[web.AbstractRoute, Served]


def build_app(endpoints: Iterable[Served], errors: SubApplicationErrors, *, same_site: Gate | None) -> SubApplication:
    """A fresh application with every endpoint, to be mounted with `add_subapp`.

    With cookies, `same_site` checks every unsafe request, with or without one: another site may not even log in.
    """
    app = web.Application(middlewares=[errors] if same_site is None else [errors, _same_site_only(same_site)])
    served = {}
    for each in endpoints:
        methods = (hdrs.METH_GET, hdrs.METH_HEAD) if each.endpoint.method == hdrs.METH_GET else (each.endpoint.method,)
        for method in methods:
            route = app.router.add_route(method, each.endpoint.path, each.answer, expect_handler=_expected)
            served[route] = each
    return SubApplication(app, served)


async def _expected(request: web.Request) -> None:
    """Tell a client that waits to send its body. Another expectation than that is nobody's business (RFC 9110, section
    10.1.1): aiohttp would answer it with 417, outside of every middleware, and quote it.
    """
    if request.version == HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _same_site_only(same_site: Gate) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        await same_site.enter(request)
        return await handler(request)

    return check
