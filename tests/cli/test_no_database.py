"""Commands that look after a database, where there is none."""

from __future__ import annotations

import pytest

from tests.cli.conftest import assert_refused


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "list"),
        ("users", "set-password", "ann"),
        ("users", "delete", "ann", "--yes"),
        ("sessions", "list", "ann"),
        ("sessions", "purge"),
    ],
)
def test_a_missing_file_is_told_and_not_made(sentri, arguments):
    done = sentri(*arguments, stdin="correct horse battery\n")
    assert_refused(done, 1, "no database at sqlite://sentri.db; run `sentri migrate`")
    assert list(sentri.folder.iterdir()) == []


def test_check_of_a_file_that_is_no_database_names_the_argument(sentri):
    (sentri.folder / "notes.db").write_text("no database " * 1000)
    done = sentri("migrate", "--check", "--database-url", "sqlite://notes.db")
    assert_refused(done, 2, "--database-url", "sqlite://notes.db refuses")
