"""Long runs: `python -m benchmarks.soak hostile fuzz`, all parts without a name. Ends with an error if one fails."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.reporting import setting
from benchmarks.soaking import faults, fuzz, growth, hostile, plans, rolling_restart
from benchmarks.soaking.outcome import Outcome, as_json, as_markdown

Part = Callable[..., Iterator[Outcome]]

PARTS: Final[Mapping[str, Part]] = {
    "hostile": hostile.run,
    "fuzz": fuzz.run,
    "faults": faults.run,
    "rolling": rolling_restart.run,
    "growth": growth.run,
    "plans": plans.run,
}
"""Name → what runs it: in full, or quickly. It yields an outcome for each subject as soon as there is one."""


@dataclass(frozen=True, slots=True)
class _Extent:
    quick: bool


def main() -> None:
    given = _arguments().parse_args()
    print("| part | subject | figures | |\n|---|---|---|---|", flush=True)
    outcomes = []
    for name in given.parts or PARTS:
        for outcome in PARTS[name](quick=given.quick):
            print(as_markdown(outcome), flush=True)
            outcomes.append(outcome)
    if given.json:
        content = {"setting": setting(_Extent(given.quick)), "outcomes": [as_json(outcome) for outcome in outcomes]}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if not all(outcome.held for outcome in outcomes):
        sys.exit("a promise did not hold")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--quick", action="store_true", help="a minute: whether the parts run, and little more")
    return parser


if __name__ == "__main__":
    main()
