"""The application that an auth server serves, and what in it is the server's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from sentri.errors import ConfigurationError
from sentri.web.app import SubApplication
from sentri.web.endpoints.serving import Served
from sentri.web.gates import Gate
from sentri.web.idempotency import Treatment

__all__ = ["Mount"]


class Mount:
    """Where the endpoints of an auth server are, once they are mounted: in one application, at one place.

    What a host adds to the sub-application is the host's.
    """

    def __init__(self) -> None:
        self._app: web.Application | None = None
        self._served: dict[web.AbstractRoute, Served] = {}

    def add(self, built: SubApplication) -> web.Application:
        """Know the routes of the sub-application as the server's own."""
        self._served |= built.served
        return built.app

    @contextmanager
    def serving(self, app: web.Application) -> Iterator[None]:
        """Meanwhile that application is served, and no other. Raises `CONFIGURATION_ERROR` where one is already."""
        if self._app is not None:
            raise ConfigurationError("this auth object is mounted already; one auth object serves one application")
        self._app = app
        try:
            yield
        finally:
            self._app = None

    def owns(self, route: web.AbstractRoute) -> bool:
        """Whether the route is one of the endpoints."""
        return route in self._served

    def is_own(self, match: web.UrlMappingMatchInfo) -> bool:
        """Whether it is one of the endpoints, or nothing at all below the mount point."""
        if match.http_exception is not None:
            return match.apps[-1] is self._app
        return self.owns(match.route)

    def treatment(self, match: web.UrlMappingMatchInfo) -> Treatment:
        """How the answers of the matched endpoint are kept for repeats."""
        served = self._served.get(match.route)
        if served is None:
            return Treatment.HOST
        return Treatment.TOKENS if served.endpoint.of_tokens else Treatment.OWN

    def gate(self, match: web.UrlMappingMatchInfo) -> Gate | None:
        """What the matched endpoint asks of a request; None where it is none of the server's own."""
        served = self._served.get(match.route)
        return None if served is None else served.gate
