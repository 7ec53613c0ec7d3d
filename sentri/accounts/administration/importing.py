"""Importing users: all of them or none, or as many as can be, with a report by row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, Literal

from sentri.accounts.administration.import_rows import Row, read_row
from sentri.accounts.administration.records import ImportRefused, ImportReport, RowError
from sentri.accounts.context import Context
from sentri.accounts.inputs import merged
from sentri.accounts.stores import UserRecord
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError

__all__ = ["Existing", "check_existing", "import_users"]

Existing = Literal["fail", "skip"]
_BATCH: Final = 500
_AT_A_TIME: Final = 50
"""Rows that are read in one turn of the event loop: a millisecond or two."""
_TAKEN: Final[Mapping[str, str]] = {
    "identifier": "a user with this identifier exists already",
    "id": "a user with this id exists already",
}


def check_existing(value: object) -> Existing:
    """What becomes of rows whose user exists. Raises `VALIDATION_ERROR`."""
    if value == "fail":
        return "fail"
    if value == "skip":
        return "skip"
    raise SentriError("VALIDATION_ERROR", "existing: must be 'fail' or 'skip'.")


@traced("import_users")
async def import_users(
    context: Context,
    *,
    rows: Iterable[Mapping[str, Any]],
    all_or_nothing: bool,
    existing: Existing,
    actor_id: str | None,
    dry_run: bool = False,
) -> ImportReport:
    """Add the users. Raises `ImportRefused` where it was to be all of them, and is not.

    A dry run adds nobody: it says what would be. What would be in the database by then, it has to remember.
    """
    numbered = enumerate(rows, start=1)
    tally = _Tally(existing)
    batches = iter([list(numbered)]) if all_or_nothing else _batches(numbered)
    seen = _Seen()
    for batch in batches:
        found = await _readable(context, batch, seen, tally)
        new = _without(found, await context.users.in_the_way([row.user for row in found]), tally)
        if all_or_nothing:
            tally.check()
        if dry_run:
            tally.created += len(new)
            continue
        users = await _hashed(context, new)  # for those alone in whose way nobody is
        await _write(context, new, users, tally, together=all_or_nothing, actor_id=actor_id)
        seen = _Seen()
    return tally.report()


@dataclass(slots=True)
class _Tally:
    """What became of the rows so far."""

    existing: Existing
    created: int = 0
    skipped: int = 0
    failed: list[RowError] = field(default_factory=list)

    def in_the_way(self, row: Row, what: str, first: int | None = None) -> None:
        """Somebody has the row's identifier, or its id: a user, or the row of that number."""
        if what == "identifier" and self.existing == "skip":
            self.skipped += 1
        else:
            why = _TAKEN[what] if first is None else f"row {first} has this {what} already"
            self.failed.append(RowError(row.number, what, "USER_ALREADY_EXISTS", f"{why}."))

    def report(self) -> ImportReport:
        return ImportReport(self.created, self.skipped, tuple(sorted(self.failed, key=lambda each: each.row)))

    def check(self) -> None:
        """Raises `ImportRefused` where a row has failed."""
        if self.failed:
            raise ImportRefused(self.report().failed)


@dataclass(slots=True)
class _Seen:
    """Whose identifier and id stood in which row."""

    keys: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)


async def _readable(context: Context, batch: Sequence[tuple[int, object]], seen: _Seen, tally: _Tally) -> list[Row]:
    """The rows that can be read, each user once: the first row counts."""
    rows: list[Row] = []
    for number, given in batch:
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)  # requests have their turn: to read a row waits for nobody
        row = await read_row(context, number, given)
        if isinstance(row, RowError):
            tally.failed.append(row)
        elif first := seen.keys.get(row.user.identifier_key):
            tally.in_the_way(row, "identifier", first)
        elif first := seen.ids.get(row.user.id):
            tally.in_the_way(row, "id", first)
        else:
            rows.append(row)
            seen.keys[row.user.identifier_key] = seen.ids[row.user.id] = number
    return rows


@unbroken
async def _write(
    context: Context,
    rows: list[Row],
    users: list[UserRecord],
    tally: _Tally,
    *,
    together: bool,
    actor_id: str | None,
) -> None:
    """Add the users of the rows, and tell it."""
    while taken := await context.users.add_all(users):  # somebody registered meanwhile
        rows = _without(rows, taken, tally)
        users = [user for position, user in enumerate(users) if position not in taken]
        if together:
            tally.check()
    tally.created += len(users)
    if users:
        roles = merged((), tuple(role for user in users for role in user.roles))
        await context.events.tell("user.imported", actor_id=actor_id, users=len(users), roles=roles)


def _without(rows: list[Row], taken: Mapping[int, str], tally: _Tally) -> list[Row]:
    for position, what in taken.items():
        tally.in_the_way(rows[position], what)
    return [row for position, row in enumerate(rows) if position not in taken]


async def _hashed(context: Context, rows: Sequence[Row]) -> list[UserRecord]:
    passwords = [row.password for row in rows if row.password is not None]
    hashes = iter(await context.hasher.hash_many(passwords))
    return [row.user if row.password is None else replace(row.user, password_hash=next(hashes)) for row in rows]


def _batches(numbered: Iterator[tuple[int, Mapping[str, Any]]]) -> Iterator[list[tuple[int, Mapping[str, Any]]]]:
    while batch := list(islice(numbered, _BATCH)):
        yield batch
