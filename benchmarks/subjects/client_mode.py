"""A: a protected GET in client mode. One token, many in turn, and tokens that the server sees for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.cases import Case
from benchmarks.checking import check_bare, check_protected
from benchmarks.stage import Stage
from benchmarks.traffic import InTurn, Once, Traffic, get

__all__ = ["CASES"]


@dataclass(frozen=True, slots=True)
class Contender:
    server: str
    settings: Mapping[str, Any] = field(default_factory=dict)


CONTENDERS: Final = {
    "bare": Contender("bare"),
    "bare-middleware": Contender("bare", {"middlewares": 1}),
    "pyjwt": Contender("client_pyjwt"),
    "joserfc": Contender("client_joserfc"),
    "pyjwt-dict": Contender("client_pyjwt", {"cached": 20_000}),
    "sentri": Contender("client_sentri", {"wiring": "guards"}),
    "sentri-setup": Contender("client_sentri", {"wiring": "setup"}),
}
ON_UVLOOP: Final = ("bare", "pyjwt-dict", "sentri")


def _one(stage: Stage) -> Traffic:
    return InTurn([get("/profile", stage.tokens[0])])


def _many(stage: Stage) -> Traffic:
    return InTurn([get("/profile", token) for token in stage.tokens])


def _first(stage: Stage) -> Traffic:
    return Once((get("/profile", token) for token in stage.unseen_tokens), stage.sizes.first_seen)


# What one writes by hand: a cache, where it helps.
LOADS: Final[Mapping[str, tuple[Callable[[Stage], Traffic], str]]] = {
    "one": (_one, "pyjwt-dict"),
    "many": (_many, "pyjwt-dict"),
    "first": (_first, "joserfc"),
}


def _cases() -> Iterator[Case]:
    for load, (traffic, by_hand) in LOADS.items():
        for name in CONTENDERS:
            yield _case(load, traffic, name, by_hand, loop="")
        if load != "first":
            for name in ON_UVLOOP:
                yield _case(load, traffic, name, by_hand, loop="uvloop")


def _case(load: str, traffic: Callable[[Stage], Traffic], name: str, by_hand: str, *, loop: str) -> Case:
    contender = CONTENDERS[name]
    on = f"-{loop}" if loop else ""
    return Case(
        name=f"A.{load}.{name}{on}",
        server=contender.server,
        settings=lambda stage: {"key_uri": stage.key_uri, "loop": loop, **contender.settings},
        # Tokens that are seen once fill every cache: they have a process of their own.
        process=f"A.{name}{on}{'.first' if load == 'first' else ''}",
        traffic=traffic,
        check=check_bare if contender.server == "bare" else check_protected,
        needs=(loop,) if loop else (),
        bare=f"A.{load}.bare{on}" if name != "bare" else None,
        by_hand=f"A.{load}.{by_hand}{on}" if contender.server != "bare" else None,
    )


CASES: Final = tuple(_cases())
