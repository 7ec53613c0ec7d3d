"""What was found, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import Case
from benchmarks.measuring import Measurement, median_of, median_ratio
from benchmarks.stage import Sizes
from benchmarks.subjects.logging_in import LoginMeasurement

__all__ = ["login_table", "markdown", "setting", "table", "write_json"]

_NAMED: Final = ("aiohttp", "PyJWT", "joserfc", "cryptography", "asyncpg", "bcrypt", "redis", "sentri-auth")
_HEAD: Final = (
    "case", "req/s", "lowest-highest", "of bare", "of by hand", "CPU µs", "bare / it", "by hand / it",
    "p50 ms", "p99 ms", "busy", "wrong",
)  # fmt: skip
_LOGIN_HEAD: Final = (
    "case", "logins/s", "of the limit", "login p50 ms", "login p99 ms",
    "GET p50 ms", "GET p99 ms", "GET max ms", "wrong",
)  # fmt: skip


def table(cases: Sequence[Case], found: Mapping[str, Sequence[Measurement]]) -> str:
    """Medians over the rounds. Each ratio is the median of the rounds' ratios; above 1 is better than what it names."""
    return markdown(_HEAD, [_row(case, found) for case in cases])


def _row(case: Case, found: Mapping[str, Sequence[Measurement]]) -> list[str]:
    own = found[case.name]
    typical = median_of(own)
    speeds = [one.per_second for one in own]
    beside = [found.get(name) if name and name != case.name else None for name in (case.bare, case.by_hand)]
    rates = ["" if other is None else f"{median_ratio(own, other, _rate):.2f}" for other in beside]
    costs = ["" if other is None else f"{median_ratio(other, own, _cost):.2f}" for other in beside]
    return [
        case.name,
        f"{typical['per_second']:,.0f}",
        f"{min(speeds):,.0f}-{max(speeds):,.0f}",
        *rates,
        f"{typical['cpu']:.1f}",
        *costs,
        f"{typical['p50']:.2f}",
        f"{typical['p99']:.2f}",
        f"{typical['busy']:.2f}",
        str(sum(one.wrong for one in own)),
    ]


def _rate(one: Measurement) -> float:
    return one.per_second


def _cost(one: Measurement) -> float:
    return one.cpu


def login_table(found: Mapping[str, Sequence[LoginMeasurement]]) -> str:
    """Medians over the rounds."""
    return markdown(_LOGIN_HEAD, [_login_row(name, own) for name, own in found.items()])


def _login_row(name: str, own: Sequence[LoginMeasurement]) -> list[str]:
    typical = {
        figure: sorted(value)[len(value) // 2]
        for figure, value in ((f, [asdict(one)[f] for one in own]) for f in asdict(own[0]))
    }
    shown = [
        f"{typical['per_second']:.1f}",
        f"{typical['of_limit']:.2f}",
        f"{typical['login_p50']:.0f}",
        f"{typical['login_p99']:.0f}",
        f"{typical['get_p50']:.1f}",
        f"{typical['get_p99']:.1f}",
        f"{typical['get_max']:.1f}",
        str(sum(one.wrong for one in own)),
    ]
    return [name, *("" if figure in {"0", "0.0", "0.00"} and at < 7 else figure for at, figure in enumerate(shown))]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: the first column to the left, figures to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def setting(sizes: Any) -> dict[str, Any]:
    """Where and how it was measured."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: version(name) for name in _NAMED},
        **asdict(sizes),
    }


def write_json(path: Path, sizes: Sizes, found: Mapping[str, Sequence[Any]], left_out: Mapping[str, str]) -> None:
    """Every measurement of every round, and what was left out."""
    measured = {name: [asdict(one) for one in own] for name, own in found.items()}
    content = {"setting": setting(sizes), "cases": measured, "left_out": dict(left_out)}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
