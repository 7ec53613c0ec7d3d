"""Connections: how a protected GET in client mode fares with many of them, and the memory that each takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from time import sleep
from typing import Final

from benchmarks.checking import check_bare, check_protected
from benchmarks.drawing import Chart
from benchmarks.growing.steps import BARE, Extent, Found, Steps, load, protected, warm_up
from benchmarks.loading import connected
from benchmarks.processes import ServerProcess
from benchmarks.reporting import markdown
from benchmarks.stage import Stage

__all__ = ["measure"]

SENTRI: Final = "sentri"
SETTLE: Final = 0.5
"""Seconds in which a server accepts or forgets what was opened or closed."""


def measure(stage: Stage, extent: Extent) -> Found:
    """Both servers at each number of connections, then the memory of each."""
    steps = Steps()
    requests, traffic = protected(stage.tokens)
    with ExitStack() as running:
        servers = {name: running.enter_context(_server(name, stage)) for name in (BARE, SENTRI)}
        for server in servers.values():
            with connected(server.port, extent.busy) as sockets:
                warm_up(sockets, requests)
        for _ in range(extent.rounds):
            for number in extent.connections:
                for name, server in servers.items():
                    with connected(server.port, number) as sockets:
                        warm_up(sockets, requests[:number])
                        steps.add(name, number, load(server, sockets, traffic, extent.seconds))
    memory = {name: [_memory(name, stage, extent) for _ in range(extent.memory_rounds)] for name in (BARE, SENTRI)}
    tables = [_table(steps, extent), _memory_table(memory)]
    return Found("Connections", steps, tables, _charts(steps), memory)


@contextmanager
def _server(name: str, stage: Stage) -> Iterator[ServerProcess]:
    """One that was asked whether it answers right."""
    if name == BARE:
        with ServerProcess("bare", {}) as process:
            check_bare(process.port, stage)
            yield process
    else:
        with ServerProcess("client_sentri", {"key_uri": stage.key_uri, "wiring": "setup"}) as process:
            check_protected(process.port, stage)
            yield process


def _memory(name: str, stage: Stage, extent: Extent) -> float:
    """Bytes that a new process takes for each connection that made one request and stays open.

    Every token was seen before, over one connection: what they take is not in it.
    """
    requests, _ = protected(stage.tokens[: extent.idle])
    with _server(name, stage) as process:
        with connected(process.port, 1) as sockets:
            warm_up(sockets, requests)
            before = process.resident_bytes()
        with connected(process.port, extent.idle) as sockets:
            warm_up(sockets, requests)
            sleep(SETTLE)
            return (process.resident_bytes() - before) / extent.idle


def _table(steps: Steps, extent: Extent) -> str:
    head = ("connections", "", "requests/s", "of bare", "CPU, µs", "bare / this, CPU", "p50, ms", "p99, ms")
    rows = []
    for number in extent.connections:
        for name in (BARE, SENTRI):
            found = steps.typical(name, number)
            speed = steps.ratio(name, BARE, number, lambda one: one.per_second)
            costs = steps.ratio(BARE, name, number, lambda one: one.cpu)
            row = f"{found['per_second']:,.0f}", f"{speed:.2f}", f"{found['cpu']:.1f}", f"{costs:.2f}"
            rows.append((f"{number:,}", name, *row, f"{found['p50']:.2f}", f"{found['p99']:.2f}"))
    return markdown(head, rows)


def _memory_table(memory: dict[str, list[float]]) -> str:
    head = ("", "bytes for each connection", "lowest-highest")
    rows = [(name, f"{median(found):,.0f}", f"{min(found):,.0f}-{max(found):,.0f}") for name, found in memory.items()]
    return markdown(head, rows)


def _charts(steps: Steps) -> dict[str, Chart]:
    title, along = "A protected GET, client mode", "keep-alive connections that send at the same time"
    speeds = {name: steps.curve(name, "per_second") for name in (SENTRI, BARE)}
    costs = {name: steps.curve(name, "cpu") for name in (SENTRI, BARE)}
    return {
        "growth-connections": Chart(title, along, "requests/s", speeds),
        "growth-connections-cpu": Chart(title, along, "CPU per request, µs", costs),
    }
