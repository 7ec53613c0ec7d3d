"""The file of an import: what is read of it, and what is no such file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sentri.cli.users.files import NotTheForm, opened_text
from sentri.cli.users.rows import users_of

HEAD = "identifier,password\n"


def read(tmp_path, content: str | bytes):
    path = tmp_path / "users.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with opened_text(path) as text:
        first, second = list(users_of(text)), list(users_of(text))
    assert first == second  # it is read once to check, and once to make
    return first


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (HEAD + "ann,secret\n", [(2, "ann")]),
        ("\ufeff" + HEAD + "ann,secret", [(2, "ann")]),
        ("identifier;password\nann;secret\n", [(2, "ann")]),
        ("identifier\tpassword\r\nann\tsecret\r\n", [(2, "ann")]),
        ("identifier,password\rann,secret\rbob,secret\r", [(2, "ann"), (3, "bob")]),
        (HEAD + '\n,\n"a\nnn",secret\n  , \n"b""ob",secret\n', [(4, "a\nnn"), (7, 'b"ob')]),
        (HEAD + '"a,b;c",secret\n', [(2, "a,b;c")]),
        (HEAD, []),
    ],
)
def test_reads_rows_with_the_line_where_each_begins(tmp_path, content, found):
    assert [(line.number, line.user["identifier"]) for line in read(tmp_path, content)] == found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "first line names no column"),
        ("ann,hunter2\n", "first line names no column"),
        ("identifier,pasword\nann,x\n", "'pasword'; did you mean password?"),
        ("Identifier,Password\nann,x\n", "'Identifier'; did you mean identifier?"),
        ("identifier, password\nann, x\n", "' password'; did you mean password?"),
        ("identifier,password,\nann,x,\n", "unknown column, ''"),
        ("identifier,password,identifier\nann,x,bob\n", "names the column identifier twice"),
        ("identifier,roles\nann,user\n", "password or password_hash"),
        (HEAD + 'bob,x\n"ann,hunter2\n', "begins in line 3 is not CSV"),
        (HEAD + 'bob,x\n"ann,' + "hunter2\n" * 20_000, "begins in line 3 is not CSV"),
        (HEAD.encode() + b"ann,x\nf\xe9e,hunter2\n", "line 3 is not UTF-8 text"),
        ((HEAD + "ann,hunter2\n").encode("utf-16"), "is UTF-16 text"),
        (HEAD + "ann," + "hunter2" * 200_000, "line 2 is longer than"),
    ],
)
def test_refuses_a_file_of_another_form_and_shows_nothing_of_it(tmp_path, content, reason):
    with pytest.raises(NotTheForm, match=reason) as refused:
        read(tmp_path, content)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("said", ["2020", "20200101", "01.02.2020", "soon"])
def test_a_date_is_not_taken_for_seconds(tmp_path, said):
    (line,) = read(tmp_path, f"identifier,password,created_at\nann,x,{said}\n")
    assert line.wrong is not None
    assert line.wrong[0] == "created_at"


@pytest.mark.parametrize("said", ["1577836800", "2020-01-01", "2020-01-01T01:00:00+01:00"])
def test_a_moment_is_read_as_seconds_or_as_a_time(tmp_path, said):
    (line,) = read(tmp_path, f"identifier,password,created_at\nann,x,{said}\n")
    assert line.user["created_at"] == 1577836800


def test_a_pipe_is_read_twice_too(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(HEAD + "ann,secret\n",))
    writer.start()
    with opened_text(path) as text:
        assert [line.number for line in users_of(text)] == [line.number for line in users_of(text)] == [2]
    writer.join()


def test_refuses_what_is_neither_a_file_nor_a_pipe():
    with pytest.raises(NotTheForm, match="neither a file nor a pipe"), opened_text(Path("/dev/zero")):
        pass
