"""Which address a request comes from: the connection's, or what proxies that are trusted say of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from sentri.accounts.session_origin import SessionOrigin
from sentri.config.origins import Network
from sentri.identity import Client
from sentri.web.proxies import Address, address_of, forwarded_pairs, is_among

__all__ = ["Clients"]

X_FORWARDED_FOR: Final = "X-Forwarded-For"


class Clients:
    """Tells clients apart by their addresses.

    Args:
        proxies: whose `X-Forwarded-For` and `Forwarded` are believed, read from the right: what is left of the first
            address that is no proxy's was written by whoever sent the request.
    """

    def __init__(self, proxies: Sequence[Network] | None) -> None:
        self._proxies = None if proxies is None else tuple(proxies)

    def of(self, request: web.BaseRequest) -> Client:
        """Where the request comes from.

        A private or loopback peer is a proxy, as far as anybody knows, and all its clients have its address; so has a
        trusted proxy that says nothing, or several things.
        """
        address, shared = self._found(request)
        return Client("", None, None) if address is None else _client(address, shared=shared)

    def origin_of(self, request: web.BaseRequest) -> SessionOrigin:
        """Device and address for people to look at; no address where it is that of everybody behind a proxy."""
        address, shared = self._found(request)
        whole = None if address is None or shared else str(address)
        return SessionOrigin.of(request.headers.get(hdrs.USER_AGENT), whole)

    def _found(self, request: web.BaseRequest) -> tuple[Address | None, bool]:
        """The address, None for a Unix socket, and whether it is everybody's behind a proxy."""
        peer = address_of(request.remote or "")
        if peer is None:
            return None, True
        if self._proxies is None:
            return peer, not peer.is_global
        if not is_among(peer, self._proxies):
            return peer, False
        found = {_from_right(hops, self._proxies) for hops in _hops(request) if hops}
        address = found.pop() if len(found) == 1 else None
        return (peer, True) if address is None else (address, False)


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
