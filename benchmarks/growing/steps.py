"""How far everything grows, how one step is measured, and what was found along the steps."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.drawing import Chart
from benchmarks.loading import send
from benchmarks.measuring import Measurement, measurement_of, median_of, median_ratio
from benchmarks.processes import ServerProcess
from benchmarks.traffic import InTurn, Once, Traffic, get

__all__ = ["FULL", "QUICK", "Extent", "Found", "Steps", "as_json", "load", "protected", "warm_up"]

BARE: Final = "bare aiohttp"


@dataclass(frozen=True, slots=True)
class Extent:
    """How far, how often and how long.

    Attributes:
        users, connections, roles: the steps.
        idle: connections that are open when the memory of one is measured.
        rounds: how often each step is measured.
        seconds: for one measurement.
        tokens: distinct ones, sent in turn.
        first_seen: tokens that are sent once, each round.
        busy: connections that send at the same time where their number does not grow.
        memory_rounds: how often the memory of connections is measured, in a new process each time.
    """

    users: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    connections: tuple[int, ...] = (1, 10, 48, 100, 300, 1_000)
    roles: tuple[int, ...] = (1, 5, 10, 20, 50)
    idle: int = 1_000
    rounds: int = 5
    seconds: float = 0.7
    tokens: int = 10_000
    first_seen: int = 1_500
    busy: int = 48
    memory_rounds: int = 3


FULL: Final = Extent()
QUICK: Final = Extent(
    users=(20, 60),
    connections=(1, 20),
    roles=(1, 50),
    idle=20,
    rounds=1,
    seconds=0.05,
    tokens=20,
    first_seen=20,
    busy=4,
    memory_rounds=1,
)


class Steps:
    """Measurements of several contenders along the steps."""

    def __init__(self) -> None:
        self.found: dict[str, dict[int, list[Measurement]]] = {}

    def add(self, contender: str, step: int, measured: Measurement) -> None:
        """One round's."""
        self.found.setdefault(contender, {}).setdefault(step, []).append(measured)
        told = f"{measured.cpu:7.1f} us  p50 {measured.p50:7.3f} ms"
        print(f"{step:9,}  {contender:40} {told}", file=sys.stderr, flush=True)

    def typical(self, contender: str, step: int) -> dict[str, float]:
        """The median of each figure over the rounds."""
        return median_of(self.found[contender][step])

    def curve(self, contender: str, figure: str) -> dict[int, float]:
        """The medians of one figure."""
        return {step: self.typical(contender, step)[figure] for step in self.found[contender]}

    def ratio(self, of: str, to: str, step: int, figure: Callable[[Measurement], float]) -> float:
        """The median of the rounds' ratios."""
        return median_ratio(self.found[of][step], self.found[to][step], figure)

    def wrong(self) -> int:
        """Answers that were not the ones to be measured."""
        return sum(one.wrong for steps in self.found.values() for rounds in steps.values() for one in rounds)


@dataclass(frozen=True, slots=True)
class Found:
    """What a subject found.

    Attributes:
        title: of its part of the report.
        steps: every measurement.
        tables: as markdown.
        charts: by the names of their files.
        memory: bytes for each connection, each round, of each contender.
    """

    title: str
    steps: Steps
    tables: Sequence[str]
    charts: Mapping[str, Chart]
    memory: Mapping[str, Sequence[float]] = field(default_factory=dict)


def load(process: ServerProcess, sockets: dict[int, socket.socket], traffic: Traffic, seconds: float) -> Measurement:
    """One measurement, over connections that are open: what opening them takes is not in it."""
    before = process.cpu_seconds()
    outcome = send(sockets, traffic, seconds=seconds)
    return measurement_of(outcome, process.cpu_seconds() - before)


def warm_up(sockets: dict[int, socket.socket], requests: Sequence[bytes]) -> None:
    """Send each request once, so that every token is remembered."""
    send(sockets, Once(requests, len(requests)))


def protected(tokens: Sequence[str], path: str = "/profile") -> tuple[list[bytes], InTurn]:
    """A GET with each token, once and in turn."""
    requests = [get(path, token) for token in tokens]
    return requests, InTurn(requests)


def as_json(found: Found) -> dict[str, Any]:
    """Every measurement, for programs."""
    steps = {name: {str(step): rounds for step, rounds in along.items()} for name, along in found.steps.found.items()}
    return {"title": found.title, "steps": steps, "memory_per_connection": dict(found.memory)}
