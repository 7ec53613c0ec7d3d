"""Origins and proxies that an application trusts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from sentri.config.reading import Wrong, each

__all__ = ["Network", "Proxy", "origin_of", "read_origins", "read_proxies"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Proxy = Network | ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS: Final = {"http": 80, "https": 443}
_ORIGIN: Final = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
_HIGHEST_PORT: Final = 65535


def origin_of(text: str) -> str | None:
    """An origin as browsers write it (RFC 6454, section 6.2): scheme and host in lower case, no default port.

    None for anything else: another scheme, user information, a path, a query, a character that no host has.
    """
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    scheme, host = found[1].lower(), found[2].lower()
    if host.startswith("[") and not _is_address(host[1:-1]):
        return None
    port = _PORTS[scheme] if found[3] is None else int(found[3])
    if port > _HIGHEST_PORT:
        return None
    return f"{scheme}://{host}" if port == _PORTS[scheme] else f"{scheme}://{host}:{port}"


def read_origins(value: object) -> frozenset[str]:
    """`https://app.example.com` and the like: scheme, host, port, and nothing behind them."""
    return frozenset(each(_origin, _texts(value, "origins, such as ['https://app.example.com']")))


def _origin(entry: str) -> str:
    origin = origin_of(entry.removesuffix("/"))
    if origin is None:
        raise Wrong(f"has {entry!r}, which is no origin; give them like 'https://app.example.com'")
    return origin


def read_proxies(value: object) -> tuple[Network, ...]:
    """Addresses and networks: `"10.0.0.0/8"`, `"::1"`, or the objects of `ipaddress`."""
    if isinstance(value, list | tuple | set | frozenset):
        value = [str(entry) if isinstance(entry, Proxy) else entry for entry in value]
    return tuple(each(_network, _texts(value, "addresses and networks, such as ['10.0.0.0/8', '::1']")))


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        raise Wrong(f"has {entry!r}, which is no address and no network (whose host bits are zero)") from None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _texts(value: object, what: str) -> Sequence[str]:
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple | set | frozenset) or not all(isinstance(entry, str) for entry in entries):
        raise Wrong(f"is {value!r}; it must be a sequence of {what}")
    return sorted(entries)
