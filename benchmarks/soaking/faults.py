"""Every fault of tests/faults for the databases, again and again, on servers of its own; the figures at the end.

python -m benchmarks.soaking.faults [--rounds 3] [--people 20] [--answers 300]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.faults.mariadb import Mariadb
from tests.faults.postgres import Postgres
from tests.faults.service import Service
from tests.faults.stage import Stage
from tests.faults.test_databases import FAULTS


async def _survive(
    stage: Stage,
    service: Service,
    fault: Callable[..., AbstractAsyncContextManager[None]],
    arguments: argparse.Namespace,
) -> float:
    """Seconds until everything worked again. Raises where anything was promised and not kept."""
    phase = fault.__name__
    async with stage.traffic(people=arguments.people) as traffic:
        traffic.phase = phase
        async with fault(stage, service):
            await traffic.answers(3, within=120, status=503)
            await traffic.answers(arguments.answers, within=120)
        took = await stage.recovers(traffic)
        traffic.phase = "healthy"
        await traffic.answers(100, within=60)
        await traffic.end()
        await stage.has_its_pool(traffic)
    await stage.check(phase)
    return took


async def _soak(kind: type[Service], arguments: argparse.Namespace) -> None:
    service = kind()
    try:
        stage = Stage(service.options)
        try:
            recoveries = [
                await _survive(stage, service, fault, arguments) for _ in range(arguments.rounds) for fault in FAULTS
            ]
        finally:
            stage.close()
    finally:
        service.remove()
    _report(service.dialect, stage, recoveries)


def _report(dialect: str, stage: Stage, recoveries: list[float]) -> None:
    names = {fault.__name__ for fault in FAULTS}
    under = [answer for answer in stage.ledger.answers if answer.phase in names]
    slowest = max((answer for answer in under if answer.status == 503), key=lambda answer: answer.seconds)
    print(
        f"{dialect}: {len(recoveries)} faults survived, {len(stage.ledger.answers)} requests, {len(under)} under fault"
    )
    print(f"  under fault: {dict(sorted(Counter(answer.status for answer in under).items()))}")
    print(f"  acknowledged writes: {stage.ledger.acknowledged}, lost: 0 (compared row by row after every fault)")
    print(f"  slowest 503: {slowest.seconds:.2f} s ({slowest.what}, {slowest.phase}); time-out {stage.timeout} s")
    print(f"  recovered after {statistics.median(recoveries):.2f} s (median), {max(recoveries):.2f} s (longest)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--answers", type=int, default=300, help="under each fault")
    arguments = parser.parse_args()
    began = time.monotonic()
    for kind in (Postgres, Mariadb):
        asyncio.run(_soak(kind, arguments))
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
