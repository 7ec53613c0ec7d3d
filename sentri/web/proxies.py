"""What proxies say, and which of them are believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

from sentri.config.origins import Network

__all__ = ["Address", "address_of", "forwarded_pairs", "is_among", "is_trusted"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_trusted(request: web.BaseRequest, proxies: Sequence[Network]) -> bool:
    """Whether the request comes from a proxy that is believed."""
    peer = address_of(request.remote or "")
    return peer is not None and is_among(peer, proxies)


def is_among(address: Address, proxies: Sequence[Network]) -> bool:
    """Whether it is one of theirs."""
    return any(address in network for network in proxies)


def address_of(text: str) -> Address | None:
    """An address, with or without a port (RFC 7239, section 6); one of IPv4 where IPv6 only wraps it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def forwarded_pairs(hop: str) -> list[tuple[str, str]]:
    """The parameters of a `Forwarded` header (RFC 7239), in order."""
    pairs = []
    for element in hop.replace(",", ";").split(";"):
        name, _, value = element.partition("=")
        pairs.append((name.strip().lower(), value.strip().strip('"').lower()))
    return pairs
