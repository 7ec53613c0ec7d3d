"""Where a request comes from: the check that keeps other sites from using a browser's cookies."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Final

from aiohttp import hdrs, web

from sentri.config.origins import Network, origin_of
from sentri.errors import SentriError
from sentri.web.denials import Denials
from sentri.web.proxies import forwarded_pairs, is_trusted

__all__ = ["CrossSite", "may_refresh"]

_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_OURS: Final = frozenset({"same-origin", "none"})
SEC_FETCH_SITE: Final = "Sec-Fetch-Site"


class CrossSite:
    """Refuses requests that another site made a browser send (Fetch Metadata; RFC 6454).

    Args:
        trusted: origins beside the own one, as browsers write them.
        secure: whether the cookies are Secure; then the own origin is https, except on loopback.
        proxies: whose `X-Forwarded-Proto` and `Forwarded` are believed.
        denials: tells of what is refused.
    """

    def __init__(self, *, trusted: Collection[str], secure: bool, proxies: Sequence[Network], denials: Denials) -> None:
        self._trusted = frozenset(trusted)
        self._secure = secure
        self._proxies = tuple(proxies)
        self._denials = denials

    async def check(self, request: web.Request) -> None:
        """Raises `FORBIDDEN`, and tells it, for what `refuses` the request."""
        if self.refuses(request):
            await self._denials.tell(request, "cross_site")
            raise SentriError("FORBIDDEN", "The request comes from another site.")

    def refuses(self, request: web.Request) -> bool:
        """Whether this is an unsafe request or a WebSocket handshake from elsewhere.

        `Sec-Fetch-Site: same-origin` or `none` passes. With any other value, or without the header, a given `Origin`
        must be the own one or trusted. A client that sends neither is no browser, and has no cookies that another
        site could use.
        """
        if request.method in _SAFE and not _is_handshake(request):
            return False
        sites = request.headers.getall(SEC_FETCH_SITE, ())
        if len(sites) == 1 and sites[0].strip().lower() in _OURS:
            return False
        origins = request.headers.getall(hdrs.ORIGIN, ())
        if not sites and not origins:
            return False
        return len(origins) != 1 or not self._is_trusted(request, origins[0].strip())

    def _is_trusted(self, request: web.Request, given: str) -> bool:
        origin = origin_of(given)
        return origin is not None and (origin in self._trusted or origin in self._own(request))

    def _own(self, request: web.Request) -> set[str]:
        host = request.host
        schemes = {self._scheme(request)}
        if self._secure:
            schemes = {"https", "http"} if _is_loopback(host) else {"https"}
        return {origin for scheme in schemes if (origin := origin_of(f"{scheme}://{host}"))}

    def _scheme(self, request: web.Request) -> str:
        """The scheme that the browser used: the connection's, or what a trusted proxy says of it."""
        if not is_trusted(request, self._proxies):
            return request.scheme
        said = request.headers.getall("X-Forwarded-Proto", ())
        for part in reversed([part for value in said for part in value.split(",")]):
            return part.strip().lower()
        for pair in reversed(
            [pair for hop in request.headers.getall(hdrs.FORWARDED, ()) for pair in forwarded_pairs(hop)]
        ):
            if pair[0] == "proto":
                return pair[1]
        return request.scheme


def may_refresh(request: web.Request) -> bool:
    """Whether a request may be refreshed silently: not from another site, unless somebody followed a link."""
    if request.headers.get(SEC_FETCH_SITE, "").strip().lower() != "cross-site":
        return True
    mode, target = request.headers.get("Sec-Fetch-Mode", ""), request.headers.get("Sec-Fetch-Dest", "")
    return (mode.strip().lower(), target.strip().lower()) == ("navigate", "document")


def _is_handshake(request: web.Request) -> bool:
    return "websocket" in request.headers.get(hdrs.UPGRADE, "").lower()


def _is_loopback(host: str) -> bool:
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
