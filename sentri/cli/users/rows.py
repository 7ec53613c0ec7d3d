"""The rows of a CSV file (RFC 4180), as users to import."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sentri.config.reading import suggestion

__all__ = ["COLUMNS", "CsvRows", "Line", "NotTheForm", "rows_of"]

COLUMNS: Final = ("identifier", "password", "password_hash", "roles", "disabled", "id", "created_at")
_FLAGS: Final = {"": False, "true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class NotTheForm(Exception):
    """What is wrong with the file as a whole."""


@dataclass(frozen=True, slots=True)
class Line:
    """One user: the number of the line where the row ends, and what it says; `wrong` names a field in its place."""

    number: int
    user: Mapping[str, Any]
    wrong: tuple[str, str] | None = None


class CsvRows:
    """Iterates over the lines; `position` and `size`, in bytes, tell how far it is."""

    def __init__(self, raw: io.BufferedReader, size: int) -> None:
        self._raw = raw
        self.size = size
        self._reader = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), strict=True)
        self._check(self._reader.fieldnames or ())

    @property
    def position(self) -> int:
        return self._raw.tell()

    def __iter__(self) -> Iterator[Line]:
        try:
            for row in self._reader:
                yield _line(self._reader.line_num, row)
        except csv.Error as error:
            raise NotTheForm(f"line {self._reader.line_num}: is not CSV: {error}") from None

    def _check(self, names: Any) -> None:
        if set(names).isdisjoint(COLUMNS):  # perhaps a user, with their password: nothing of it is shown
            raise NotTheForm(f"its first line names no column; known are {', '.join(COLUMNS)}, separated by commas")
        for name in names:
            if name not in COLUMNS:
                raise NotTheForm(
                    f"the first line names an unknown column, {name!r}{suggestion(name, COLUMNS)}; known are "
                    f"{', '.join(COLUMNS)}"
                )
        if "identifier" not in names or not {"password", "password_hash"} & set(names):
            raise NotTheForm("the first line names the columns: identifier, and password or password_hash")


@contextmanager
def rows_of(path: Path) -> Iterator[CsvRows]:
    """Raises `NotTheForm` for a file that cannot be read, or has other columns."""
    try:
        with path.open("rb") as raw:
            yield CsvRows(raw, path.stat().st_size)
    except OSError as error:
        raise NotTheForm(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NotTheForm("is not UTF-8 text") from None


def _line(number: int, row: Mapping[Any, Any]) -> Line:
    if None in row or None in row.values():
        return Line(number, {}, ("row", "has more or fewer fields than the first line."))
    said = {name: text for name, text in row.items() if text}  # an empty cell says nothing
    disabled = said.pop("disabled", "").strip().lower()
    if disabled not in _FLAGS:
        return Line(number, {}, ("disabled", "must be true or false."))
    user: dict[str, Any] = {**said, "disabled": _FLAGS[disabled]}
    if "roles" in said:
        user["roles"] = [role.strip() for role in said["roles"].split(";") if role.strip()]
    if "created_at" in said:
        created = _instant(said["created_at"])
        if created is None:
            return Line(number, {}, ("created_at", "must be a time such as 2026-11-25T12:00:00Z, or seconds."))
        user["created_at"] = created
    return Line(number, user)


def _instant(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
