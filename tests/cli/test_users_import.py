"""`sentri users import`."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys

import pytest

from sentri_testing.users import PASSWORD_HASH
from tests.cli.conftest import PATIENCE, assert_refused

HEAD = "identifier,password,password_hash,roles,disabled,id,created_at\n"


def written(sentri, text: str, name: str = "users.csv") -> str:
    (sentri.folder / name).write_text(text)
    return name


@pytest.fixture
def migrated(sentri, database_url):
    """Runs commands on a database with tables, on each of the three."""
    assert sentri("migrate", SENTRI_DATABASE_URL=database_url).returncode == 0

    def run(*arguments: str):
        return sentri(*arguments, SENTRI_DATABASE_URL=database_url)

    return run


def test_makes_users_of_hashes_and_of_passwords(sentri, migrated):
    row = f"ann,,{PASSWORD_HASH},user;admin,,,2020-01-01T00:00:00Z\nbob,correct horse battery,,,true,,\n"
    done = migrated("users", "import", written(sentri, "\ufeff" + HEAD + row), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"created": 2, "skipped": 0, "failed": []}
    ann, bob = json.loads(migrated("users", "list", "--json").stdout)
    assert (ann["roles"], ann["created_at"], ann["disabled_at"]) == (["user", "admin"], 1577836800.0, None)
    assert bob["disabled_at"] is not None
    again = migrated("users", "import", "users.csv")
    assert (again.returncode, again.stdout) == (0, "0 users were made, 2 were there already, 0 failed.\n")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_line_that_is_wrong_is_named_and_keeps_no_other_from_being_made(sentri, migrated):
    wrong = [
        f"{'x' * 300},,{PASSWORD_HASH},,,,",
        f"cid,,{PASSWORD_HASH},root,,,",
        "dan,,secret-nonsense,,,,",
        f"eve,,{PASSWORD_HASH},,perhaps,,",
        f"fay,,{PASSWORD_HASH},,,,yesterday",
        "gus,,",
        f"hal,,{PASSWORD_HASH},,,,",
    ]
    done = migrated("users", "import", written(sentri, HEAD + "\n".join(wrong)), "--errors", "errors.csv")
    assert done.returncode == 3
    assert done.stdout == "1 user was made, 0 were there already, 6 failed.\n"
    with (sentri.folder / "errors.csv").open() as file:
        found = {int(error["line"]): error["field"] for error in csv.DictReader(file)}
    assert found == {2: "identifier", 3: "roles", 4: "password_hash", 5: "disabled", 6: "created_at", 7: "row"}
    assert "line 4: password_hash: " in done.stderr
    assert "secret-nonsense" not in done.stderr
    assert PASSWORD_HASH not in done.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("identifier,pasword\nann,x\n", "'pasword'; did you mean password?"),
        ("identifier,roles\nann,user\n", "password or password_hash"),
        ("", "first line names no column"),
        ("ann,hunter2-of-ann\n", "first line names no column"),
        ('identifier,password\n"ann,x\n', "is not CSV"),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_refuses_a_file_of_another_form(sentri, migrated, text, reason):
    done = migrated("users", "import", written(sentri, text))
    assert_refused(done, 2, reason)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"], indirect=True)
def test_killed_half_way_and_run_again_ten_thousand_are_there_once(sentri, migrated, database_url):
    lines = [f"user-{number:05}@example.com,,{PASSWORD_HASH},user,,," for number in range(10_000)]
    written(sentri, HEAD + "\n".join(lines))
    process = subprocess.Popen(
        [sys.executable, "-m", "sentri", "users", "import", "users.csv"],
        cwd=sentri.folder,
        env=sentri.environment({"SENTRI_DATABASE_URL": database_url}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for count, line in enumerate(process.stderr):  # a record of an event for every batch
        if "user.imported" in line and count > 3:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    done = migrated("users", "import", "users.csv", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["created"] + told["skipped"] == 10_000
    assert 0 < told["skipped"] < 10_000
    listed = json.loads(migrated("users", "list", "--limit", "20000", "--json").stdout)
    assert len({user["identifier"] for user in listed}) == len(listed) == 10_000
