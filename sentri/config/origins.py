"""Origins and proxies that an application trusts."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from sentri.config.reading import Wrong

__all__ = ["Network", "origin_of", "read_origins", "read_proxies"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS: Final = {"http": 80, "https": 443}


def origin_of(url: str) -> str | None:
    """The origin of a URL as browsers write it (RFC 6454, section 6.2): scheme and host in lower case, no default
    port; None for what has no origin of http or https.
    """
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return None
    if split.scheme not in _PORTS or not split.hostname:
        return None
    host = f"[{split.hostname}]" if ":" in split.hostname else split.hostname
    return f"{split.scheme}://{host}" if port in (None, _PORTS[split.scheme]) else f"{split.scheme}://{host}:{port}"


def read_origins(value: object) -> frozenset[str]:
    """`https://app.example.com` and the like: scheme, host, port, and nothing behind them."""
    origins = set()
    for entry in _texts(value, "origins"):
        split_at_path = entry.removesuffix("/")
        origin = origin_of(entry)
        if origin is None or "/" in split_at_path.partition("://")[2] or set(entry) & set("?#@*"):
            raise Wrong(f"has {entry!r}, which is no origin; give them like 'https://app.example.com'")
        origins.add(origin)
    return frozenset(origins)


def read_proxies(value: object) -> tuple[Network, ...]:
    """Addresses and networks: `"10.0.0.0/8"`, `"::1"`."""
    try:
        return tuple(ipaddress.ip_network(entry) for entry in _texts(value, "addresses"))
    except ValueError as error:
        raise Wrong(f"has an entry that is no address or network: {error}") from None


def _texts(value: object, what: str) -> Sequence[str]:
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple | set | frozenset) or not all(isinstance(entry, str) for entry in entries):
        raise Wrong(f"must be a sequence of {what}")
    return sorted(entries)
