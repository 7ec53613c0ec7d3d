"""Rounds: every case once, in order, then again, so that whatever else the machine does hits all of them."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks.cases import Case
from benchmarks.loading import Outcome, drive
from benchmarks.processes import ServerProcess
from benchmarks.stage import Stage
from benchmarks.traffic import Traffic

__all__ = ["Measurement", "measure", "measurement_of", "median_of", "median_ratio"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One case in one round.

    Attributes:
        per_second: requests that were answered.
        cpu: microseconds of the server process, all threads, for each of them.
        busy: the share of the time in which the server had a processor: below 1 it waited, for the load or a database.
        p50, p99: milliseconds from a request to its answer, under full load.
        requests: how many there were.
        wrong: how many of them were answered with something else than was to be measured.
    """

    per_second: float
    cpu: float
    busy: float
    p50: float
    p99: float
    requests: int
    wrong: int


def measure(cases: Sequence[Case], stage: Stage) -> dict[str, list[Measurement]]:
    """Each case's measurements, one a round. Every server is asked before whether it answers right."""
    sizes = stage.sizes
    found: dict[str, list[Measurement]] = {case.name: [] for case in cases}
    with ExitStack() as running:
        processes: dict[str, ServerProcess] = {}
        for case in cases:
            if case.process not in processes:
                processes[case.process] = running.enter_context(ServerProcess(case.server, case.settings(stage)))
                case.check(processes[case.process].port, stage)
        traffic = {case.name: case.traffic(stage) for case in cases}
        for case in cases:
            _measure(case, processes[case.process], traffic[case.name], stage, sizes.warm_up)
        for number in range(sizes.rounds):
            for case in cases:
                one = _measure(case, processes[case.process], traffic[case.name], stage, sizes.seconds)
                found[case.name].append(one)
                told = f"{one.per_second:9,.0f}/s  {one.cpu:6.1f} us  busy {one.busy:.2f}"
                print(f"round {number + 1}  {case.name:32} {told}", file=sys.stderr, flush=True)
    return found


def _measure(case: Case, process: ServerProcess, traffic: Traffic, stage: Stage, seconds: float) -> Measurement:
    before = process.cpu_seconds()
    connections = 1 if case.alone else stage.sizes.connections
    outcome = drive(process.port, traffic, connections=connections, seconds=seconds)
    return measurement_of(outcome, process.cpu_seconds() - before)


def measurement_of(outcome: Outcome, cpu_seconds: float) -> Measurement:
    """What a load and the processor time that the server took for it come to."""
    return Measurement(
        per_second=outcome.requests / outcome.seconds,
        cpu=cpu_seconds / outcome.requests * 1e6,
        busy=cpu_seconds / outcome.seconds,
        p50=outcome.p50 * 1e3,
        p99=outcome.p99 * 1e3,
        requests=outcome.requests,
        wrong=outcome.wrong,
    )


def median_of(measurements: Sequence[Measurement]) -> dict[str, float]:
    """The median of each figure, over the rounds."""
    rows = [asdict(one) for one in measurements]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def median_ratio(of: Sequence[Measurement], to: Sequence[Measurement], figure: Callable[[Measurement], float]) -> float:
    """The median, over the rounds, of the ratios of two cases in one round."""
    return statistics.median(figure(one) / figure(other) for one, other in zip(of, to, strict=True))
