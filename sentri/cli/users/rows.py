"""The rows of a CSV file (RFC 4180), as users to import."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from sentri.cli.users.files import FileText, NotTheForm
from sentri.config.reading import suggestion

__all__ = ["COLUMNS", "Line", "users_of"]

COLUMNS: Final = ("identifier", "password", "password_hash", "roles", "disabled", "id", "created_at")
_SEPARATORS: Final = ",;\t"  # where numbers have a decimal comma, spreadsheets write the second one
_DATES: Final = range(1_000, 100_000_000)  # 2020 and 20200101 are no seconds of 1970
_FLAGS: Final = {"": False, "true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Line:
    """One user: the number of the line where the row begins, and what it says; `wrong` names a field in its place."""

    number: int
    user: Mapping[str, Any] = field(repr=False)
    wrong: tuple[str, str] | None = None


def users_of(text: FileText) -> Iterator[Line]:
    """A line for each row that is not empty. Raises `NotTheForm` where the file is no CSV, or has other columns."""
    lines = text.lines()
    head = next(lines, "")
    separator = _separator(head)
    rows = _numbered(csv.reader(chain([head], lines), delimiter=separator, strict=True))
    _, names = next(rows, (1, []))
    _check(names)
    for number, cells in rows:
        yield _line(number, names, cells)


def _separator(head: str) -> str:
    """What the first line separates its columns by: whatever makes known ones of it."""
    for separator in _SEPARATORS:
        try:
            names = next(csv.reader([head], delimiter=separator, strict=True), [])
        except csv.Error:
            continue
        if not {name.strip().lower() for name in names}.isdisjoint(COLUMNS):
            return separator
    # Perhaps it is a user, with their password: nothing of it is shown.
    raise NotTheForm(f"its first line names no column; known are {', '.join(COLUMNS)}, separated by commas")


def _check(names: Sequence[str]) -> None:
    for position, name in enumerate(names):
        if name not in COLUMNS:
            raise NotTheForm(
                f"the first line names an unknown column, {name!r}{suggestion(name.strip().lower(), COLUMNS)}; known "
                f"are {', '.join(COLUMNS)}"
            )
        if name in names[:position]:
            raise NotTheForm(f"the first line names the column {name} twice")
    if "identifier" not in names or not {"password", "password_hash"} & set(names):
        raise NotTheForm("the first line names the columns: identifier, and password or password_hash")


def _numbered(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows that say something, each with the line where it begins: a cell may have line ends in it."""
    while True:
        number = rows.line_num + 1
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise NotTheForm(f"the row that begins in line {number} is not CSV: {error}") from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield number, cells


def _line(number: int, names: Sequence[str], cells: Sequence[str]) -> Line:
    if len(cells) != len(names):
        return Line(number, {}, ("row", "has more or fewer fields than the first line."))
    said = {name: text for name, text in zip(names, cells, strict=True) if text}  # an empty cell says nothing
    disabled = said.pop("disabled", "").strip().lower()
    if disabled not in _FLAGS:
        return Line(number, {}, ("disabled", "must be true or false."))
    user: dict[str, Any] = {"identifier": "", **said, "disabled": _FLAGS[disabled]}
    if "roles" in said:
        user["roles"] = [role.strip() for role in said["roles"].split(";") if role.strip()]
    if "created_at" in said:
        created = _instant(said["created_at"])
        if created is None:
            return Line(
                number, {}, ("created_at", "must be a time such as 2026-11-25T12:00:00Z, or seconds since 1970.")
            )
        user["created_at"] = created
    return Line(number, user)


def _instant(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return None if seconds in _DATES else seconds
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
