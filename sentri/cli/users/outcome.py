"""What became of the lines of an import: counted, told to people and to programs, and written to a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncclick

from sentri.cli.showing import print_json

__all__ = ["LineError", "Outcome", "errors_file"]

_MOST_TOLD: Final = 1_000
"""Errors that are kept: beyond them a file is of another kind, and --errors has them all."""


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line of the file was not imported; nothing of what it says."""

    line: int
    field: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.message} ({self.code})"


@dataclass(slots=True)
class Outcome:
    """What became of the lines so far, or, in a dry run, what would become of them."""

    dry_run: bool
    written: Any = None
    created: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[LineError] = field(default_factory=list)

    def fail(self, error: LineError) -> None:
        """One more that is not imported."""
        self.failed += 1
        if len(self.errors) < _MOST_TOLD:
            self.errors.append(error)
        if self.written is not None:
            self.written.writerow(asdict(error).values())

    def tell_errors(self) -> None:
        """A line for each, on stderr."""
        for error in self.errors:
            asyncclick.echo(str(error), err=True)
        if self.failed > len(self.errors):
            asyncclick.echo(f"and {self.failed - len(self.errors)} more: --errors FILE has them all", err=True)

    def tell(self, *, as_json: bool) -> None:
        """The result, on stdout."""
        if as_json:
            counts = {"created": self.created, "skipped": self.skipped, "failed_count": self.failed}
            print_json({"dry_run": self.dry_run, **counts, "failed": [asdict(error) for error in self.errors]})
            return
        was, were = ("would be", "would be") if self.dry_run else ("was", "were")
        made = f"1 user {was} made" if self.created == 1 else f"{self.created} users {were} made"
        was, were = ("is", "are") if self.dry_run else ("was", "were")
        there = f"{self.skipped} {was if self.skipped == 1 else were} there already"
        asyncclick.echo(f"{made}, {there}, {self.failed} failed.")


@contextmanager
def errors_file(path: Path | None, source: Path) -> Iterator[Any]:
    """What writes rows to that file, which begins anew; None where there is none. It may not be the source."""
    if path is None:
        yield None
        return
    if path.exists() and source.exists() and path.samefile(source):
        raise asyncclick.BadParameter(f"{path} is the file that is imported", param_hint="--errors")
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise asyncclick.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--errors") from None
    with file:
        writer = csv.writer(file)
        writer.writerow(("line", "field", "code", "message"))
        yield writer
