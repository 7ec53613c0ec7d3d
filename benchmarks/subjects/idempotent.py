"""E: a POST with an idempotency key. A new key each time, and keys whose answer is there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from benchmarks.cases import Case
from benchmarks.checking import ORDER, check_bare, check_idempotency
from benchmarks.stage import Stage
from benchmarks.traffic import Keyed

__all__ = ["CASES"]

REPEATED: Final = 1_000
"""Keys of the replays, in turn."""


def _in_redis(stage: Stage) -> dict[str, Any]:
    return {"store": "redis", "redis_url": stage.redis_url}


# Server, settings, what it needs, what it is compared with.
CONTENDERS: Final[dict[str, tuple[str, Callable[[Stage], dict[str, Any]], tuple[str, ...], str | None]]] = {
    "bare": ("bare", lambda _: {}, (), None),
    "dict": ("idempotency_by_hand", lambda _: {"store": "dict"}, (), None),
    "sentri-memory": ("idempotency_sentri", lambda _: {"store": "memory"}, (), "dict"),
    "redis": ("idempotency_by_hand", _in_redis, ("redis",), None),
    "sentri-redis": ("idempotency_sentri", _in_redis, ("redis",), "redis"),
}


def _cases() -> Iterator[Case]:
    for load, keys in (("new", None), ("replay", REPEATED)):
        for name in CONTENDERS:
            yield _case(load, keys, name)


def _case(load: str, keys: int | None, name: str) -> Case:
    server, settings, needs, by_hand = CONTENDERS[name]
    return Case(
        name=f"E.{load}.{name}",
        server=server,
        settings=lambda stage: settings(stage) | {"prefix": f"{stage.redis_prefix}-{load}-{name}"},
        process=f"E.{load}.{name}",  # replays do not carry the keys of the others
        traffic=lambda _: Keyed("/orders", ORDER, keys=keys),
        check=check_bare if name == "bare" else check_idempotency,
        needs=needs,
        bare=f"E.{load}.bare" if name != "bare" else None,
        by_hand=by_hand and f"E.{load}.{by_hand}",
    )


CASES: Final = tuple(_cases())
