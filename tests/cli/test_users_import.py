"""`sentri users import`."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys

import pytest

from sentri.cli.users.outcome import LineError, Outcome, errors_file
from sentri.storage import Database
from sentri_testing.users import PASSWORD_HASH
from tests.cli.conftest import PATIENCE, assert_refused, url_of

HEAD = "identifier,password,password_hash,roles,disabled,id,created_at\n"
MANY = 10_000
COUNTS = "SELECT COUNT(*) AS users, COUNT(DISTINCT identifier_key) AS different FROM sentri_users"


def written(sentri, text: str, name: str = "users.csv") -> str:
    (sentri.folder / name).write_text(text)
    return name


@pytest.fixture
def migrated(sentri, database_options):
    """Runs commands on a database with tables, on each of the three."""

    def run(*arguments: str, **more: str):
        return sentri(*arguments, SENTRI_DATABASE_URL=url_of(database_options), **more)

    return run


on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def test_makes_users_of_hashes_and_of_passwords(sentri, migrated):
    row = f"ann,,{PASSWORD_HASH},user;admin,,,2020-01-01T00:00:00Z\nbob,correct horse battery,,,true,,\n"
    done = migrated("users", "import", written(sentri, "\ufeff" + HEAD + row), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"dry_run": False, "created": 2, "skipped": 0, "failed_count": 0, "failed": []}
    ann, bob = json.loads(migrated("users", "list", "--json").stdout)
    assert (ann["roles"], ann["created_at"], ann["disabled_at"]) == (["user", "admin"], 1577836800.0, None)
    assert bob["disabled_at"] is not None
    again = migrated("users", "import", "users.csv")
    assert (again.returncode, again.stdout) == (0, "0 users were made, 2 were there already, 0 failed.\n")


@on_sqlite
def test_lines_that_are_wrong_are_told_first_and_keep_no_other_from_being_made(sentri, migrated):
    taken = "00000000-0000-4000-8000-000000000000"
    wrong = [
        f"{'x' * 300},,{PASSWORD_HASH},,,,",
        f"cid,,{PASSWORD_HASH},root,,,",
        "dan,,secret-nonsense,,,,",
        f"eve,,{PASSWORD_HASH},,perhaps,,",
        f"fay,,{PASSWORD_HASH},,,,yesterday",
        "gus,,",
        f"hal,,{PASSWORD_HASH},,,{taken},",
        f"HAL,,{PASSWORD_HASH},,,,",
        f"ida,,{PASSWORD_HASH},,,{taken},",
        f",,{PASSWORD_HASH},,,,",
        ",,,,,,",
        *(f"user {number},,{PASSWORD_HASH},,,," for number in range(600)),
        f"Dan,,{PASSWORD_HASH},,,,",
    ]
    done = migrated("users", "import", written(sentri, HEAD + "\n".join(wrong)), "--errors", "errors.csv")
    assert done.returncode == 3
    assert done.stdout == "601 users were made, 0 were there already, 10 failed.\n"
    with (sentri.folder / "errors.csv").open() as file:
        found = {int(error["line"]): (error["field"], error["message"]) for error in csv.DictReader(file)}
    fields = ["identifier", "roles", "password_hash", "disabled", "created_at", "row"]
    assert [found[line][0] for line in range(2, 8)] == fields
    assert found[9] == ("identifier", "stands in line 8 already.")
    assert found[10] == ("id", "stands in line 8 already.")
    assert found[11] == ("identifier", "must have 1 to 255 characters.")
    assert found[613] == ("identifier", "stands in line 4 already.")  # which is wrong itself: which one is meant?
    assert "line 4: password_hash: " in done.stderr
    assert done.stderr.index("line 613: ") < done.stderr.index("user.imported")
    assert "secret-nonsense" not in done.stderr
    assert PASSWORD_HASH not in done.stderr


def test_a_dry_run_tells_what_would_be_made_and_makes_nothing(sentri, migrated):
    lines = f"ann,,{PASSWORD_HASH},,,,\nbob,,nonsense,,,,\ncid,correct horse battery,,,,,\n"
    written(sentri, HEAD + lines)
    told = migrated("users", "import", "users.csv", "--dry-run")
    assert (told.returncode, told.stdout) == (3, "2 users would be made, 0 are there already, 1 failed.\n")
    assert "line 3: password_hash: " in told.stderr
    assert "user.imported" not in told.stderr
    assert json.loads(migrated("users", "list", "--json").stdout) == []


def test_a_dry_run_makes_no_database(sentri):
    done = sentri("users", "import", written(sentri, HEAD), "--dry-run")
    assert_refused(done, 1, "no database at sqlite://sentri.db")
    assert [each.name for each in sentri.folder.iterdir()] == ["users.csv"]


def test_makes_the_tables_that_it_needs_of_what_is_piped_to_it(sentri):
    done = sentri("users", "import", "-", stdin=f"identifier;password_hash\nann;{PASSWORD_HASH}\n")
    assert done.stdout == "1 user was made, 0 were there already, 0 failed.\n", done.stderr


@on_sqlite
def test_a_wrong_file_makes_nobody(sentri, migrated):
    """Even where the wrong line comes after many that are right."""
    lines = [f"user {number},,{PASSWORD_HASH},,,," for number in range(600)]
    path = sentri.folder / "users.csv"
    path.write_bytes((HEAD + "\n".join(lines)).encode() + b"\nf\xe9e,,,,,,\n")
    assert_refused(migrated("users", "import", "users.csv"), 2, "line 602 is not UTF-8 text")
    assert json.loads(migrated("users", "list", "--json").stdout) == []


@on_sqlite
def test_errors_are_not_written_over_what_is_imported(sentri, migrated):
    text = HEAD + f"ann,,{PASSWORD_HASH},,,,\n"
    assert_refused(migrated("users", "import", written(sentri, text), "--errors", "users.csv"), 2, "--errors")
    assert (sentri.folder / "users.csv").read_text() == text
    done = migrated("users", "import", "users.csv", "--errors", "no/such/folder.csv")
    assert_refused(done, 2, "--errors", "No such file")


def test_of_very_many_errors_the_first_are_told_and_the_file_has_all(tmp_path, capsys):
    with errors_file(tmp_path / "errors.csv", tmp_path / "users.csv") as file:
        outcome = Outcome(dry_run=False, written=file)
        for line in range(2, 1_207):
            outcome.fail(LineError(line, "row", "VALIDATION_ERROR", "is wrong."))
    outcome.tell_errors()
    outcome.tell(as_json=True)
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "and 205 more: --errors FILE has them all"
    assert (json.loads(out)["failed_count"], len(json.loads(out)["failed"])) == (1_205, 1_000)
    assert len((tmp_path / "errors.csv").read_text().splitlines()) == 1_206


def test_ctrl_c_ends_the_wait_for_a_pipe(sentri, terminal):
    os.mkfifo(sentri.folder / "pipe")
    shell = terminal("users", "import", "pipe")
    pipe = os.open(sentri.folder / "pipe", os.O_WRONLY)  # which waits for the command
    shell.interrupt()
    assert shell.end() == 1, shell.shown
    os.close(pipe)
    assert "Aborted!" in shell.shown


STOPPED = """
import os, signal, sys
from sentri.cli import main
from sentri.storage.user_imports import UserImports
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests in the background ignores it
statements, insert = 0, UserImports._insert_sql

def insert_until_half(self, count):
    global statements
    statements += 1
    if statements == 53:  # 100 users each: in the middle of the eleventh transaction
        os.kill(os.getpid(), signal.{signal})
    return insert(self, count)

UserImports._insert_sql = insert_until_half
sys.argv = ["sentri", "users", "import", "users.csv"]
main()
"""


def stopped_half_way(sentri, options, signal: str) -> subprocess.CompletedProcess[str]:
    """An import that gets a signal in the middle of a transaction, after half of the users."""
    lines = [f"user-{number:05}@example.com,,{PASSWORD_HASH},user,,," for number in range(MANY)]
    written(sentri, HEAD + "\n".join(lines))
    return subprocess.run(
        [sys.executable, "-c", STOPPED.format(signal=signal)],
        cwd=sentri.folder,
        env=sentri.environment({"SENTRI_DATABASE_URL": url_of(options)}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def users_in(options) -> tuple[int, int]:
    """How many there are, and how many different ones."""
    database = Database(options)
    await database.open()
    try:
        (row,) = await database.unit(lambda session: session.rows(COUNTS))
    finally:
        await database.close()
    return row["users"], row["different"]


async def test_killed_half_way_and_run_again_ten_thousand_are_there_once(sentri, migrated, database_options):
    assert stopped_half_way(sentri, database_options, "SIGKILL").returncode == -9
    assert await users_in(database_options) == (MANY // 2, MANY // 2)
    done = migrated("users", "import", "users.csv", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (told["created"], told["skipped"]) == (MANY // 2, MANY // 2)
    assert await users_in(database_options) == (MANY, MANY)


@on_sqlite
async def test_whoever_interrupts_it_is_told_how_far_it_came(sentri, database_options):
    done = stopped_half_way(sentri, database_options, "SIGINT")
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    told = re.search(
        r"^Interrupted: ([0-9]+) users were made; run it again for the others.\nAborted!$", done.stderr, re.MULTILINE
    )
    assert told is not None, done.stderr
    assert MANY // 2 <= int(told[1]) < MANY
    assert await users_in(database_options) == (int(told[1]), int(told[1]))
