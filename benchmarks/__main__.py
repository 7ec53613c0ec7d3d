"""The command: `python -m benchmarks A B.many.postgres --rounds 5`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import reporting
from benchmarks.cases import Case
from benchmarks.measuring import Measurement, measure
from benchmarks.processes import ALL_CORES, LOAD_CORES, stay_on
from benchmarks.stage import FULL, QUICK, Stage, sized
from benchmarks.subjects import client_mode, idempotent, logging_in, refreshing, server_mode

SUBJECTS: dict[str, tuple[str, tuple[Case, ...]]] = {
    "A": ("protected GET, client mode", client_mode.CASES),
    "B": ("protected GET, session from the database", server_mode.CASES),
    "C": ("logins", ()),
    "D": ("refresh rotation", refreshing.CASES),
    "E": ("POST with an idempotency key", idempotent.CASES),
}


def main() -> None:
    given = _arguments().parse_args()
    sizes = sized(QUICK if given.quick else FULL, rounds=given.rounds, seconds=given.seconds)
    found: dict[str, list[Any]] = {}
    with Stage(sizes) as stage:
        if given.list:
            print("\n".join([case.name for _, cases in SUBJECTS.values() for case in cases] + logging_in.names(stage)))
            return
        run = Run(stage, given.cases)
        for letter in SUBJECTS:
            found |= run.subject(letter)
    if given.json:
        reporting.write_json(given.json, sizes, found, run.left_out)
    if not found:
        sys.exit(
            "no case was measured: " + ("all were left out" if run.left_out else "none has such a name; see --list")
        )
    if any(one.wrong for measured in found.values() for one in measured):
        sys.exit("some answers were wrong: those figures say nothing")


class Run:
    """Measures the chosen cases, subject by subject, and prints each one's table.

    Attributes:
        left_out: cases that need what is not here, and what that is.
    """

    def __init__(self, stage: Stage, chosen: list[str]) -> None:
        self._stage = stage
        self._chosen = chosen
        self.left_out: dict[str, str] = {}

    def subject(self, letter: str) -> dict[str, list[Any]]:
        """Every measurement of this subject's cases, by their names."""
        title, cases = SUBJECTS[letter]
        found, table = self._logins() if letter == "C" else self._cases(cases)
        if found:
            print(f"\n## {letter}. {title}\n\n{table}\n", flush=True)
        return found

    def _cases(self, of: tuple[Case, ...]) -> tuple[dict[str, list[Measurement]], str]:
        with stay_on(LOAD_CORES):
            cases = [case for case in of if self._is_chosen(case.name) and self._is_possible(case.name, case.needs)]
            found = measure(cases, self._stage)
        return found, reporting.table(cases, found)

    def _logins(self) -> tuple[dict[str, list[Any]], str]:
        cases = [
            name
            for name in logging_in.names(self._stage)
            if self._is_chosen(name) and self._is_possible(name, ("postgres",))
        ]
        with stay_on(ALL_CORES):
            found = logging_in.measure_logins(cases, self._stage) if cases else {}
        return found, reporting.login_table(found)

    def _is_chosen(self, name: str) -> bool:
        """Whether one of the names that were given is this one, or its beginning; without any, all are."""
        return not self._chosen or any(f"{name}.".startswith(f"{given}.") for given in self._chosen)

    def _is_possible(self, name: str, needs: tuple[str, ...]) -> bool:
        for need in needs:
            reason = self._stage.missing(need)
            if reason is not None:
                if os.environ.get("SENTRI_TEST_SERVICES") == "required" and need != "uvloop":
                    sys.exit(f"{name}: {reason}")
                print(f"left out: {name}: {reason}", file=sys.stderr)
                self.left_out[name] = reason
                return False
        return True


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "cases", nargs="*", help="a subject (A), a case, or the beginning of its name (B.many.postgres)"
    )
    parser.add_argument("--rounds", type=int, help=f"how often each case is measured ({FULL.rounds})")
    parser.add_argument("--seconds", type=float, help=f"for one measurement ({FULL.seconds:g})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement to this file")
    parser.add_argument("--quick", action="store_true", help="a few seconds: only whether every case answers right")
    parser.add_argument("--list", action="store_true", help="the cases' names")
    return parser


if __name__ == "__main__":
    main()
