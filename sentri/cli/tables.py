"""Tables on a terminal, as wide as it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["show_on_terminal"]

_GAP: Final = 2


def show_on_terminal(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, more: bool = False, in_lines: bool = False
) -> None:
    """A table whose cells are folded between words; or, where that does not fit, a block of lines for each row.

    With `in_lines` it is a table all the same, whose words are cut.
    """
    console = Console(highlight=False)
    widths = _widths(list(zip(headings, *rows, strict=True)), console.width - _GAP * (len(headings) - 1))
    if widths is None and not in_lines:
        _show_blocks(console, headings, rows, more=more)
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0), show_header=not more)
    for heading, width in zip_longest(headings, widths or ()):
        table.add_column(heading, overflow="fold", width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column is: its longest word at least, its longest cell as long as there is room."""
    widths = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    spare = room - sum(widths)
    if spare < 0:
        return None
    for position, column in enumerate(columns):
        wanted = min(spare, max(map(cell_len, column)) - widths[position])
        widths[position] += wanted
        spare -= wanted
    return widths


def _show_blocks(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], *, more: bool) -> None:
    width = max(map(len, headings)) + _GAP
    for number, row in enumerate(rows):
        if number or more:
            console.print()
        for heading, cell in zip(headings, row, strict=True):
            line = Text.assemble((heading.ljust(width), "bold"), cell)
            console.print(line, soft_wrap=True)  # the terminal wraps it, and what is copied is in one piece
