"""Tables on a terminal: ids are in one piece, and what is folded is folded between words."""

from __future__ import annotations

import pytest

from sentri.cli.tables import show_on_terminal

ID = "f1edd63f-039b-4f14-a751-d9ada7932850"
HEADINGS = ("ID", "IDENTIFIER", "CREATED")
ROWS = [(ID, "ann@example.com", "2026-11-25 18:11:45Z"), (ID, "bob [red]x[/]", "-")]


@pytest.fixture
def shown(capsys, monkeypatch):
    """What a terminal of that width shows, line by line."""

    def show(columns: int, **how: bool) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        show_on_terminal(HEADINGS, ROWS, **how)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return show


def test_a_wide_terminal_has_a_line_for_each(shown):
    heading, ann, bob = shown(80)
    assert heading.split() == list(HEADINGS)
    assert ann == f"{ID}  ann@example.com  2026-11-25 18:11:45Z"
    assert bob == f"{ID}  bob [red]x[/]    -"
    assert shown(80, more=True) == [ann, bob]


def test_a_narrower_one_folds_between_words(shown):
    assert shown(65)[1:3] == [f"{ID}  ann@example.com  2026-11-25", f"{' ' * 55}18:11:45Z"]


def test_the_narrowest_has_a_block_for_each(shown):
    ann = [f"ID          {ID}", "IDENTIFIER  ann@example.com", "CREATED     2026-11-25 18:11:45Z"]
    assert shown(60)[:4] == [*ann, ""]
    assert shown(60, more=True)[:2] == ["", ann[0]]


@pytest.mark.parametrize("columns", [20, 38, 50, 64, 65, 66, 75, 76, 200])
def test_an_id_is_in_one_piece_and_nothing_is_left_out(shown, columns):
    text = shown(columns)
    assert sum(ID in line for line in text) == 2
    for word in ("ann@example.com", "[red]x[/]", "2026-11-25", "18:11:45Z"):
        assert any(word in line for line in text), word


def test_short_rows_stay_lines(shown):
    heading, *rows = shown(50, in_lines=True)
    assert heading.split() == list(HEADINGS)
    assert max(map(len, [heading, *rows])) <= 50
    assert "".join(line[:15].strip() for line in rows) == ID + ID  # cut into lines, and nothing left out
