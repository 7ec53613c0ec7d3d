"""The options of the idempotency middleware."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from sentri.clock import Clock, system_clock
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

_STORE: Final = {
    "begin": ("scope", "fingerprint", "owner"),
    "renew": ("scope", "fingerprint", "owner"),
    "complete": ("scope", "fingerprint", "owner", "answer"),
    "release": ("scope", "fingerprint", "owner"),
    "close": (),
}
"""Operation of a store → its positional arguments."""

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
    clock: Clock
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


def _store(value: object) -> object:
    if isinstance(value, type):
        raise Wrong(f"is the class {value.__name__}; give an object of it")
    for name, parameters in _STORE.items():
        try:
            readers.callback(*parameters)(getattr(value, name, None))
        except Wrong:
            expected = f"{name}({', '.join(parameters)})"
            raise Wrong(f"is a {type(value).__name__}, which has no {expected}; see sentri.idempotency.Store") from None
    return value


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
    store: Any = option(optional(_store), default=None, secret=True)
    on_store_error: str = option(_on_store_error, default="fail")
    caller: Callable[..., Any] | None = option(optional(readers.callback("request")), default=None)
    complete_on_disconnect: bool = option(readers.flag, default=True)
    clock: Clock = option(readers.clock, default=system_clock)
    on_replay: Callable[..., Any] | None = option(optional(readers.callback(*HOOKS["on_replay"])), default=None)
    on_conflict: Callable[..., Any] | None = option(optional(readers.callback(*HOOKS["on_conflict"])), default=None)

    @classmethod
    def contradictions(cls, values: dict[str, Any]) -> list[str]:
        if values.get("store") is None or values.get("redis_url") is None:
            return []
        return ["store and redis_url are two places to keep keys; give one of them"]
