"""What commands print: for people a table, for programs JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncclick

__all__ = ["instant", "json_option", "print_json", "show_table"]

json_option = asyncclick.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def print_json(value: Any) -> None:
    """Print the value as one JSON document."""
    asyncclick.echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows under their headings. On a terminal long cells are folded; elsewhere every row is one line.

    What somebody may have written to steer a terminal, such as in a `User-Agent`, is not passed on to it.
    """
    rows = [tuple(map(_printable, row)) for row in rows]
    if not sys.stdout.isatty():
        _show_lines([headings, *rows])
        return
    from rich.console import Console  # noqa: PLC0415 - here alone: `sentri --help` does without
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def _printable(cell: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cell)


def _show_lines(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        asyncclick.echo("  ".join(map(str.ljust, line, widths)).rstrip())


def instant(seconds: float | None) -> str:
    """A moment, in UTC."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
