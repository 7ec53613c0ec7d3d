"""Every fault of tests/faults for the databases, with many people on servers of its own: nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from benchmarks.soaking.outcome import Outcome
from tests.faults.mariadb import Mariadb
from tests.faults.postgres import Postgres
from tests.faults.service import Service
from tests.faults.stage import Stage
from tests.faults.test_databases import FAULTS


@dataclass(frozen=True, slots=True)
class _Extent:
    rounds: int
    people: int
    answers: int  # under each fault


def run(*, quick: bool) -> Iterator[Outcome]:
    """PostgreSQL and MariaDB, one after the other."""
    extent = _Extent(rounds=1, people=6, answers=20) if quick else _Extent(rounds=3, people=20, answers=300)
    for kind in (Postgres, Mariadb):
        yield asyncio.run(_soak(kind, extent))


async def _soak(kind: type[Service], extent: _Extent) -> Outcome:
    service = kind()
    try:
        stage = Stage(service.options)
        recoveries: list[float] = []
        broken = ""
        try:
            for fault in FAULTS * extent.rounds:
                recoveries.append(await _survive(stage, service, fault, extent))  # noqa: PERF401 - those until it broke
        except AssertionError as error:
            broken = str(error)
        finally:
            stage.close()
    finally:
        service.remove()
    return _outcome(service.dialect, stage, recoveries, broken)


async def _survive(
    stage: Stage, service: Service, fault: Callable[..., AbstractAsyncContextManager[None]], extent: _Extent
) -> float:
    """Seconds until everything worked again. `AssertionError` where anything was promised and not kept."""
    phase = fault.__name__
    async with stage.traffic(people=extent.people) as traffic:
        traffic.phase = phase
        async with fault(stage, service):
            await traffic.answers(3, within=120, status=503)
            await traffic.answers(extent.answers, within=120)
        took = await stage.recovers(traffic)
        traffic.phase = "healthy"
        await traffic.answers(30, within=60)
        await traffic.end()
        await stage.has_its_pool(traffic)
    await stage.check(phase)
    return took


def _outcome(dialect: str, stage: Stage, recoveries: list[float], broken: str) -> Outcome:
    names = {fault.__name__ for fault in FAULTS}
    under = [answer for answer in stage.ledger.answers if answer.phase in names]
    late = max((answer.seconds for answer in under if answer.status == 503), default=0.0)
    figures = {
        "faults survived": len(recoveries),
        "requests": len(stage.ledger.answers),
        "under fault": len(under),
        "their answers": dict(sorted(Counter(answer.status for answer in under).items())),
        "writes acknowledged": stage.ledger.acknowledged,
        "of those lost": "not known" if broken else 0,  # compared row by row after every fault
        "slowest 503 (s)": round(late, 2),
        "time-out (s)": stage.timeout,
        "longest recovery (s)": round(max(recoveries, default=0.0), 2),
    }
    return Outcome("faults", dialect, not broken, figures | ({"broken": broken} if broken else {}))
