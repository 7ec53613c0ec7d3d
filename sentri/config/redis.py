"""Where Redis is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from sentri.config.reading import Wrong, scheme_of

__all__ = ["RedisServer", "namespace", "read_redis"]

_ALLOWED: Final = "give redis://host:port/0, rediss://… (TLS) or unix://path"
_QUERY: Final = frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A Redis server. The repr shows neither user, password nor query."""

    url: str = field(repr=False)
    shown: str


def read_redis(value: object) -> RedisServer:
    """The server that a URL names; raises `Wrong` without showing a secret."""
    if isinstance(value, RedisServer):
        return value
    if not isinstance(value, str):
        raise Wrong(f"is a {type(value).__name__}; {_ALLOWED}")
    split, port = _split(value)
    if any(name not in _QUERY for name, _ in parse_qsl(split.query, keep_blank_values=True)):
        raise Wrong(f"has a query parameter that it does not take here; allowed are {', '.join(sorted(_QUERY))}")
    if split.scheme == "unix":
        return RedisServer(value, _shown_socket(split))
    database = split.path.removeprefix("/")
    if database and not (database.isascii() and database.isdigit()):
        raise Wrong("names a database that is not a number, such as redis://127.0.0.1:6379/0")
    if not split.hostname:
        raise Wrong(f"names no host; {_ALLOWED}")
    return RedisServer(value, f"{split.scheme}://{split.hostname}:{port}/{database or 0}")


def _split(url: str) -> tuple[SplitResult, int]:
    if url.partition("://")[0].lower() not in {"redis", "rediss", "unix"} or "://" not in url:
        raise Wrong(f"{scheme_of(url)}; {_ALLOWED}")
    try:
        split = urlsplit(url)
        port = split.port or 6379
    except ValueError:
        raise Wrong("is not a URL: its host or port cannot be read (percent-encode special characters)") from None
    if split.fragment or "@" in split.path:  # what is taken for the path is the rest of a password
        raise Wrong("is not a URL: it has a # or a second @ (percent-encode special characters)")
    return split, port


def _shown_socket(split: SplitResult) -> str:
    if not split.path.strip("/"):
        raise Wrong(f"names no socket; {_ALLOWED}")
    return f"unix://{split.path}"


def namespace(value: object) -> str:
    """What every Redis key begins with."""
    if not isinstance(value, str) or not _NAMESPACE.fullmatch(value):
        raise Wrong(f"is {value!r}; it must have 1 to 100 of the characters A-Z a-z 0-9 _ . : -")
    return value
