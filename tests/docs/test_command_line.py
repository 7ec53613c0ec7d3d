"""docs/command-line.md: its import is carried out, and what it prints is what the page shows."""

from __future__ import annotations

import shlex

import pytest

from tests.cli.conftest import CommandLine
from tests.docs.pages import block

PAGE = "docs/command-line.md"


@pytest.fixture
def sentri(tmp_path) -> CommandLine:
    return CommandLine(tmp_path)


def test_the_spreadsheet_is_tried_and_imported_as_shown(sentri):
    (sentri.folder / "users.csv").write_text(block(PAGE, "identifier,", "text"))
    assert sentri("migrate").returncode == 0
    tried, imported = map(shlex.split, block(PAGE, "users import", "sh").splitlines())
    dry = sentri(*tried[1:])
    assert dry.returncode == 3
    assert dry.stderr + dry.stdout == block(PAGE, "would be made", "text")
    done = sentri(*imported[1:])
    assert done.stdout == "2 users were made, 0 were there already, 2 failed.\n"
