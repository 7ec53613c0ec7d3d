"""Which address a request comes from: the connection's, or what proxies that are trusted say of it."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from sentri.config.origins import Network
from sentri.identity import Client
from sentri.session_origin import SessionOrigin
from sentri.web.proxies import Address, address_of, forwarded_pairs, is_among

__all__ = ["Clients"]

X_FORWARDED_FOR: Final = "X-Forwarded-For"
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
            *("::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
"""Where reverse proxies are: loopback, private (RFC 1918, 4193), link-local, and what providers share (RFC 6598)."""


class Clients:
    """Tells clients apart by their addresses.

    Args:
        proxies: whose `X-Forwarded-For` and `Forwarded` are believed, read from the right: what is left of the first
            address that is no proxy's was written by whoever sent the request.
        logger: is told once of a proxy that says two things.
    """

    def __init__(self, proxies: Sequence[Network] | None, *, logger: logging.Logger) -> None:
        self._proxies = None if proxies is None else tuple(proxies)
        self._logger = logger
        self._has_warned = False

    def of(self, request: web.BaseRequest) -> Client:
        """Where the request comes from.

        A private or loopback peer is a proxy, as far as anybody knows, and all its clients have its address; so has a
        trusted proxy that says nothing. Where one says two things, one of them is the client's own claim, and nobody
        knows which: all such requests together are one client, so that no limit is opened by a header.
        """
        peer = address_of(request.remote or "")
        if peer is None:  # a Unix socket
            return Client("", None, None)
        address, shared = self._found(request, peer)
        return _client(address, shared=shared)

    def address_of(self, request: web.BaseRequest) -> str:
        """The client's whole address; the connection's where nobody says more."""
        peer = address_of(request.remote or "")
        return request.remote or "" if peer is None else str(self._found(request, peer)[0])

    def origin_of(self, request: web.BaseRequest) -> SessionOrigin:
        """Device and address for people to look at; no address where it is a proxy's, or may be."""
        peer = address_of(request.remote or "")
        address, shared = (None, True) if peer is None else self._found(request, peer)
        is_proxy = address is None or shared or is_among(address, self._proxies or ())
        return SessionOrigin.of(request.headers.get(hdrs.USER_AGENT), None if is_proxy else str(address))

    def _found(self, request: web.BaseRequest, peer: Address) -> tuple[Address, bool]:
        """The address, and whether it is everybody's."""
        if self._proxies is None:
            return peer, is_among(peer, _PRIVATE)
        if not is_among(peer, self._proxies):
            return peer, False
        found = {_from_right(hops, self._proxies) for hops in _hops(request) if hops}
        if len(found) > 1:
            self._warn()
            return peer, False
        address = found.pop() if found else None
        return (peer, True) if address is None else (address, False)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._logger.warning(
                "A proxy of trusted_proxies passes on X-Forwarded-For and Forwarded, which name two addresses: such "
                "requests count together in the rate limits per address. Let it remove the header that it does not "
                "write itself."
            )


def _client(address: Address, *, shared: bool) -> Client:
    if isinstance(address, ipaddress.IPv4Address):
        return Client(str(address), None if shared else str(address), None)
    narrow, wide = (str(ipaddress.ip_network((address, bits), strict=False)) for bits in (64, 48))
    return Client(narrow, None if shared else narrow, None if shared else wide)


def _hops(request: web.BaseRequest) -> list[list[str]]:
    """The addresses that each of the two headers names, the sender's claim first."""
    plain = [part.strip() for value in request.headers.getall(X_FORWARDED_FOR, ()) for part in value.split(",")]
    pairs = [pair for value in request.headers.getall(hdrs.FORWARDED, ()) for pair in forwarded_pairs(value)]
    return [plain, [value for name, value in pairs if name == "for"]]


def _from_right(hops: Sequence[str], proxies: Sequence[Network]) -> Address | None:
    """The first address from the right that is no proxy's; None where there is something else."""
    address: Address | None = None
    for hop in reversed(hops):
        address = address_of(hop)
        if address is None or not is_among(address, proxies):
            break
    return address
