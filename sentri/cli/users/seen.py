"""What was seen of a file: who stands in which line, and which lines are wrong.

Of a file of any size: SQLite keeps it in memory as long as it is little, and else in a file without a name that is gone
with the process. It has digests of what the file says, under a key of this process, and numbers of lines.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from sentri.accounts.identifiers import clean_identifier, identifier_key
from sentri.cli.users.rows import Line
from sentri.errors import SentriError

__all__ = ["Seen", "nothing_seen"]

_TABLES: Final = (
    "PRAGMA journal_mode = OFF",
    "CREATE TABLE firsts (digest BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE wrong (line INTEGER PRIMARY KEY)",
    "BEGIN",
)


class Seen:
    """The lines so far."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._key = token_bytes(32)
        for statement in _TABLES:
            database.execute(statement)

    def repeated(self, line: Line) -> tuple[str, str] | None:
        """The field that stood in an earlier line already, and what to say; a first one is remembered.

        An earlier line counts that is wrong itself, too: which of the two is meant, somebody has to say.
        """
        for name, value in _names(line):
            first = self._first(f"{name} {value}", line.number)
            if first != line.number:
                return name, f"stands in line {first} already."
        return None

    def remember_wrong(self, line: int) -> None:
        """This line is not to be imported."""
        self._database.execute("INSERT OR IGNORE INTO wrong VALUES (?)", (line,))

    def wrong(self, lines: Collection[Line]) -> frozenset[int]:
        """Which of these, in their order, are not to be imported."""
        numbers = [line.number for line in lines]
        found = self._database.execute(
            "SELECT line FROM wrong WHERE line BETWEEN ? AND ?", (min(numbers), max(numbers))
        )
        return frozenset(line for (line,) in found)

    def _first(self, value: str, line: int) -> int:
        digest = blake2b(value.encode(errors="surrogatepass"), digest_size=16, key=self._key).digest()
        self._database.execute("INSERT OR IGNORE INTO firsts VALUES (?, ?)", (digest, line))
        ((first,),) = self._database.execute("SELECT line FROM firsts WHERE digest = ?", (digest,))
        return int(first)


@contextmanager
def nothing_seen() -> Iterator[Seen]:
    """The beginning of a file."""
    with closing(sqlite3.connect("", isolation_level=None)) as database:  # no name: SQLite's own temporary file
        yield Seen(database)


def _names(line: Line) -> Iterator[tuple[str, str]]:
    """What must be nobody else's, as far as it can be read."""
    with suppress(SentriError):
        yield "identifier", identifier_key(clean_identifier(line.user.get("identifier")))
    if "id" in line.user:
        yield "id", line.user["id"]
