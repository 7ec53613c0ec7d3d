"""What commands print: for people a table, for programs JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncclick

__all__ = ["instant", "is_terminal", "json_option", "print_json", "print_json_list", "show_table"]

json_option = asyncclick.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def is_terminal(stream: Any) -> bool:
    """Whether somebody sits there. A stream may be closed, and None."""
    return stream is not None and bool(stream.isatty())


def print_json(value: Any) -> None:
    """Print the value as one JSON document."""
    asyncclick.echo(_json(value))


async def print_json_list(values: AsyncIterator[Any]) -> None:
    """Print the values as one JSON list, each as it comes: there may be more of them than fit into memory."""
    before = "["
    async for value in values:
        asyncclick.echo(before + _json(value), nl=False)
        before = ", "
    asyncclick.echo("[]" if before == "[" else "]")


def _json(value: Any) -> str:
    encoding = getattr(sys.stdout, "encoding", None) or ""
    ascii_only = encoding.lower() not in ("utf-8", "utf8")  # the others lack characters that identifiers have
    return json.dumps(value, ensure_ascii=ascii_only, indent=2 if is_terminal(sys.stdout) else None)


def show_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, more: bool = False, in_lines: bool = False
) -> None:
    """Print the rows under their headings.

    On a terminal cells are folded between words, and where not even their words fit side by side each row is a block of
    lines: an id is whole, to be copied. Elsewhere every row is one line. What somebody may have written to steer a
    terminal, such as in a `User-Agent`, is not passed on to it.

    Args:
        headings: of the columns.
        rows: of cells.
        more: they follow others, which had the headings.
        in_lines: they are short and many: a word may be cut rather than a block made of each.
    """
    rows = [tuple(map(_printable, row)) for row in rows]
    if is_terminal(sys.stdout):
        from sentri.cli.tables import show_on_terminal  # noqa: PLC0415 - rich: `sentri --help` does without

        show_on_terminal(headings, rows, more=more, in_lines=in_lines)
    else:
        _show_lines(headings, rows, more=more)


def _printable(cell: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cell)


def _show_lines(headings: Sequence[str], rows: Sequence[Sequence[str]], *, more: bool) -> None:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for line in rows if more else [headings, *rows]:
        asyncclick.echo("  ".join(map(str.ljust, line, widths)).rstrip())


def instant(seconds: float | None) -> str:
    """A moment, in UTC."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
