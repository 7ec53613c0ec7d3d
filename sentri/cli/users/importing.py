"""`sentri users import`: the file is read through and checked, and then once more, to make the users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncclick

from sentri.cli.failures import FOUND_SOMETHING
from sentri.cli.opening import administered
from sentri.cli.options import database_url
from sentri.cli.progress import Advance, progress
from sentri.cli.showing import json_option
from sentri.cli.users.files import FileText, NotTheForm, opened_text
from sentri.cli.users.outcome import LineError, Outcome, errors_file
from sentri.cli.users.rows import Line, users_of
from sentri.cli.users.seen import Seen, nothing_seen

if TYPE_CHECKING:
    from sentri.accounts.administration.records import ImportReport
    from sentri.server.auth import AuthServer

__all__ = ["import_"]

_HASHES: Final = 500  # rows that are written together
_PASSWORDS: Final = 16  # of those that have to be hashed first: who kills it loses no more than some seconds


@asyncclick.command("import", short_help="Make users of a CSV file.")
@asyncclick.argument("file", type=asyncclick.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@asyncclick.option("--dry-run", is_flag=True, help="Check everything, say what would be made, and make nothing.")
@asyncclick.option(
    "--errors", type=asyncclick.Path(dir_okay=False, path_type=Path), help="Write what failed there, as CSV."
)
@database_url
@json_option
async def import_(file: Path, errors: Path | None, database_url: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Make users of a CSV file, or of standard input (-), with their hashes or with passwords.

    The first line names the columns: identifier, password or password_hash, and if you like roles (separated by ;),
    disabled, id, created_at. The whole file is checked, and every error told, before anybody is made of the lines that
    are right. Whoever is there already is left as they are: an import that was interrupted is simply run again. Ends
    with 3 where a line is wrong.
    """
    try:
        with opened_text(file) as text, errors_file(errors, file) as written:
            outcome = Outcome(dry_run, written)
            async with administered(database_url, may_make=not dry_run) as auth:
                await _import(auth, text, outcome)
    except NotTheForm as wrong:
        raise asyncclick.UsageError(f"{file}: {wrong}") from None
    outcome.tell(as_json=as_json)
    if outcome.failed:
        raise asyncclick.exceptions.Exit(FOUND_SOMETHING)


async def _import(auth: AuthServer, text: FileText, outcome: Outcome) -> None:
    with nothing_seen() as seen:
        with progress("Checking", text) as advance:
            await _check(auth, text, seen, outcome, advance)
        outcome.tell_errors()
        if not outcome.dry_run:
            with _interruptions_told(outcome), progress("Importing", text) as advance:
                await _make(auth, text, seen, outcome, advance)


async def _check(auth: AuthServer, text: FileText, seen: Seen, outcome: Outcome, advance: Advance) -> None:
    """Tell every line that is wrong; count the others only where it ends with that."""
    for batch in _batches(text, lambda _: _HASHES):
        wrong = [error for line in batch if (error := _wrong(line, seen))]
        good = _without(batch, {error.line for error in wrong})
        report = await _imported(auth, good, dry_run=True)
        for error in sorted([*wrong, *_by_line(report, good)], key=lambda error: error.line):
            outcome.fail(error)
            seen.remember_wrong(error.line)
        if outcome.dry_run:
            outcome.created += report.created
            outcome.skipped += report.skipped
        advance()


async def _make(auth: AuthServer, text: FileText, seen: Seen, outcome: Outcome, advance: Advance) -> None:
    for batch in _batches(text, _together):
        await _to_its_end(_make_these(auth, _without(batch, seen.wrong(batch)), outcome))
        advance()


async def _make_these(auth: AuthServer, lines: Sequence[Line], outcome: Outcome) -> None:
    report = await _imported(auth, lines, dry_run=False)
    outcome.created += report.created
    outcome.skipped += report.skipped
    for error in _by_line(report, lines):  # somebody took their id since it was checked
        outcome.fail(error)
        asyncclick.echo(str(error), err=True)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Whoever interrupts it waits for it: what was written is counted."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def _wrong(line: Line, seen: Seen) -> LineError | None:
    """What the file alone says against a line."""
    if line.wrong is not None:
        return LineError(line.number, line.wrong[0], "VALIDATION_ERROR", line.wrong[1])
    if repeated := seen.repeated(line):
        return LineError(line.number, repeated[0], "USER_ALREADY_EXISTS", repeated[1])
    return None


def _without(lines: Sequence[Line], numbers: Collection[int]) -> list[Line]:
    return [line for line in lines if line.number not in numbers]


async def _imported(auth: AuthServer, lines: Sequence[Line], *, dry_run: bool) -> ImportReport:
    """Each line counts for itself."""
    users = [line.user for line in lines]
    return await auth.users.import_many(users, all_or_nothing=False, existing="skip", dry_run=dry_run)


def _by_line(report: ImportReport, lines: Sequence[Line]) -> Iterator[LineError]:
    for error in report.failed:
        yield LineError(lines[error.row - 1].number, error.field, error.code, error.message)


def _batches(text: FileText, most: Callable[[Line], int]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in users_of(text):
        batch.append(line)
        if len(batch) >= most(line):
            yield batch
            batch = []
    if batch:
        yield batch


def _together(line: Line) -> int:
    return _PASSWORDS if "password" in line.user else _HASHES


@contextmanager
def _interruptions_told(outcome: Outcome) -> Iterator[None]:
    """Whoever interrupts it, or loses the database, is told how far it came."""
    try:
        yield
    except BaseException:
        made = "1 user was" if outcome.created == 1 else f"{outcome.created} users were"
        asyncclick.echo(f"Interrupted: {made} made; run it again for the others.", err=True)
        raise
