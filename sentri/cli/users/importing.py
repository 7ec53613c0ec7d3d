"""`sentri users import`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncclick

from sentri.cli.failures import FOUND_SOMETHING
from sentri.cli.opening import administered
from sentri.cli.options import database_url
from sentri.cli.showing import json_option, print_json
from sentri.cli.users.rows import CsvRows, Line, NotTheForm, rows_of

if TYPE_CHECKING:
    from sentri.server.auth import AuthServer

__all__ = ["import_"]

_HASHES: Final = 500  # rows that are written together
_PASSWORDS: Final = 16  # of those that have to be hashed first: who kills it loses no more than some seconds


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line of the file was not imported; nothing of what it says."""

    line: int
    field: str
    code: str
    message: str


@dataclass(slots=True)
class Outcome:
    """What became of the lines so far."""

    created: int = 0
    skipped: int = 0
    failed: list[LineError] = field(default_factory=list)


@asyncclick.command("import")
@asyncclick.argument("file", type=asyncclick.Path(exists=True, dir_okay=False, path_type=Path))
@asyncclick.option(
    "--errors", type=asyncclick.Path(dir_okay=False, path_type=Path), help="Write what failed there, as CSV."
)
@database_url
@json_option
async def import_(file: Path, errors: Path | None, database_url: str | None, *, as_json: bool) -> None:
    """Make users of a CSV file, with their hashes or with passwords.

    The first line names the columns: identifier, password or password_hash, and if you like roles (separated by ;),
    disabled, id, created_at. Whoever is there already is left as they are: an import that was interrupted is simply
    run again. Ends with 3 where a line could not be imported.
    """
    outcome = Outcome()
    try:
        with rows_of(file) as rows:
            async with administered(database_url) as auth:
                with _progress(rows) as advance:
                    for batch in _batches(rows):
                        await _import(auth, batch, outcome)
                        advance()
    except NotTheForm as wrong:
        raise asyncclick.UsageError(f"{file}: {wrong}") from None
    if errors is not None:
        _write(errors, outcome.failed)
    if as_json:
        print_json(asdict(outcome))
    else:
        _tell(outcome)
    if outcome.failed:
        raise asyncclick.exceptions.Exit(FOUND_SOMETHING)


async def _import(auth: AuthServer, batch: Sequence[Line], outcome: Outcome) -> None:
    """Each line counts for itself. Row numbers count within the batch."""
    good = [line for line in batch if line.wrong is None]
    report = await auth.users.import_many([line.user for line in good], all_or_nothing=False, existing="skip")
    outcome.created += report.created
    outcome.skipped += report.skipped
    found = [LineError(good[e.row - 1].number, e.field, e.code, e.message) for e in report.failed]
    found += [LineError(line.number, line.wrong[0], "VALIDATION_ERROR", line.wrong[1]) for line in batch if line.wrong]
    outcome.failed += sorted(found, key=lambda error: error.line)


def _batches(rows: CsvRows) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in rows:
        batch.append(line)
        if len(batch) >= (_PASSWORDS if "password" in line.user else _HASHES):
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _progress(rows: CsvRows) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - here alone: `sentri --help` does without
    from rich.progress import Progress  # noqa: PLC0415 - as above

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Importing", total=rows.size)
        yield lambda: progress.update(task, completed=rows.position)


def _tell(outcome: Outcome) -> None:
    for error in outcome.failed:
        asyncclick.echo(f"line {error.line}: {error.field}: {error.message} ({error.code})", err=True)
    made = "1 user was made" if outcome.created == 1 else f"{outcome.created} users were made"
    asyncclick.echo(f"{made}, {outcome.skipped} were there already, {len(outcome.failed)} failed.")


def _write(path: Path, failed: Sequence[LineError]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "field", "code", "message"))
        writer.writerows((error.line, error.field, error.code, error.message) for error in failed)
