"""The options of the idempotency middleware."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from sentri.config import readers
from sentri.config.durations import Duration, duration
from sentri.config.reading import Options, Wrong, option, optional
from sentri.config.redis import RedisServer, namespace, read_redis

__all__ = ["HEADERS", "HOOKS", "IdempotencyKeywords", "IdempotencyOptions"]

HEADERS: Final = ("X-Idempotency-Key", "Idempotency-Key")
HOOKS: Final = {
    "on_replay": ("method", "route", "user_id"),
    "on_conflict": ("method", "route", "user_id", "reason"),
}
"""Hook → its positional arguments."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})


class IdempotencyKeywords(TypedDict, total=False):
    """What the idempotency middleware may be told. docs/idempotent-requests.md says it all.

    `required` and `caller` are called with the `web.Request`.
    """

    ttl: Duration
    header: str | Sequence[str]
    methods: Sequence[str]
    required: bool | Callable[[Any], bool | Awaitable[bool]]
    max_size: int
    max_bytes: int
    max_body: int
    wait: Duration
    redis_url: str | None
    namespace: str
    on_store_error: Literal["fail", "bypass"]
    caller: Callable[[Any], str | Awaitable[str]] | None
    complete_on_disconnect: bool
    on_replay: Callable[[str, str, str | None], Any] | None
    on_conflict: Callable[[str, str, str | None, str], Any] | None


def _tokens(value: object, what: str) -> tuple[str, ...]:
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, Sequence | frozenset | set) or isinstance(entries, bytes) or not entries:
        raise Wrong(f"is {value!r}; it must be {what}, or a sequence of them")
    for entry in entries:
        if not isinstance(entry, str) or not _TOKEN.fullmatch(entry):
            raise Wrong(f"has {entry!r}, which is no {what}")
    return tuple(entries)


def _headers(value: object) -> tuple[str, ...]:
    return _tokens(value, "header name")


def _methods(value: object) -> tuple[str, ...]:
    names = tuple(name.upper() for name in _tokens(value, "HTTP method"))
    if safe := sorted(_SAFE.intersection(names)):
        raise Wrong(f"has {', '.join(safe)}; only methods that change something take keys, such as POST")
    return names


def _required(value: object) -> bool | Callable[..., Any]:
    return value if isinstance(value, bool) else readers.callback("request")(value)


def _on_store_error(value: object) -> str:
    if value not in ("fail", "bypass"):
        raise Wrong(f"is {value!r}; it must be 'fail' or 'bypass'")
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyOptions(Options):
    """Everything that the idempotency middleware can be told, as it is meant."""

    ttl: float = option(duration(), default=5 * 60.0)
    header: tuple[str, ...] = option(_headers, default=HEADERS)
    methods: tuple[str, ...] = option(_methods, default=("POST", "PUT", "PATCH"))
    required: bool | Callable[..., Any] = option(_required, default=False)
    max_size: int = option(readers.whole(1, 10_000_000), default=10_000)
    max_bytes: int = option(readers.whole(1024, 1 << 40), default=64 * 1024 * 1024)
    max_body: int = option(readers.whole(0, 1 << 30), default=1024 * 1024)
    wait: float = option(duration(least=0.0), default=10.0)
    redis_url: RedisServer | None = option(optional(read_redis), default=None)
    namespace: str = option(namespace, default="sentri")
    on_store_error: str = option(_on_store_error, default="fail")
    caller: Callable[..., Any] | None = option(optional(readers.callback("request")), default=None)
    complete_on_disconnect: bool = option(readers.flag, default=True)
    on_replay: Callable[..., Any] | None = option(optional(readers.callback(*HOOKS["on_replay"])), default=None)
    on_conflict: Callable[..., Any] | None = option(optional(readers.callback(*HOOKS["on_conflict"])), default=None)
