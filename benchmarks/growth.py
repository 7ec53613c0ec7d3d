"""What grows with users, connections and roles: `python -m benchmarks.growth users --draw docs/images`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import stage as stages
from benchmarks.drawing import draw
from benchmarks.growing import connections, roles, users
from benchmarks.growing.steps import FULL, QUICK, Extent, Found, as_json
from benchmarks.processes import LOAD_CORES, stay_on
from benchmarks.reporting import setting
from benchmarks.stage import Stage

SUBJECTS: Final = ("users", "connections", "roles")
DATABASES: Final = ("postgres", "sqlite", "mysql")


def main() -> None:
    given = _arguments().parse_args()
    extent = QUICK if given.quick else FULL
    sizes = stages.sized(stages.QUICK, tokens=extent.tokens)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # databases are dropped then too
    found: dict[str, Found] = {}
    with Stage(sizes) as stage:
        stage.key_uri, stage.tokens  # noqa: B018 - made before this process keeps to one core
        with stay_on(LOAD_CORES):
            for subject in [given.subject] if given.subject else SUBJECTS:
                found[subject] = _measure(subject, stage, extent, given.databases)
                print("\n\n".join([f"\n## {found[subject].title}", *found[subject].tables]), flush=True)
    _write(found, extent, given.json, given.draw)
    if any(one.steps.wrong() for one in found.values()):
        sys.exit("some answers were wrong: those figures say nothing")


def _measure(subject: str, stage: Stage, extent: Extent, dialects: list[str]) -> Found:
    if subject == "connections":
        return connections.measure(stage, extent)
    if subject == "roles":
        return roles.measure(stage, extent)
    return users.measure(stage, extent, dialects)


def _write(found: dict[str, Found], extent: Extent, file: Path | None, folder: Path | None) -> None:
    if file:
        content = {"setting": setting(extent), "subjects": {name: as_json(one) for name, one in found.items()}}
        file.write_text(json.dumps(content, indent=1, default=_plain) + "\n", encoding="utf-8")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in (pair for one in found.values() for pair in one.charts.items()):
            (folder / f"{name}.svg").write_text(draw(chart), encoding="utf-8")


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("subject", nargs="?", choices=SUBJECTS, help="all three without one")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES), help="for users")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement to this file")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write the curves to this folder, as SVG")
    parser.add_argument("--quick", action="store_true", help="a few seconds: only whether every answer is right")
    return parser


if __name__ == "__main__":
    main()
