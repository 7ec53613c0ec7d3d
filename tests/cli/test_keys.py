"""`sentri keys list`, `rotate` and `retire`, and serving with kept keys."""

from __future__ import annotations

import json
import re
import time
import urllib.error
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import assert_refused

ENCRYPTS = "what encrypts the keys of the command line"
OTHER = "another one, that encrypts nothing of these"
ADA = {"identifier": "ada@example.com", "password": "correct horse battery"}
KID = r"[A-Za-z0-9_-]{43}"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"


@pytest.fixture
def keys(sentri):
    """`sentri keys …`, on SQLite unless it is told otherwise; the lines that it prints."""
    assert sentri("migrate").returncode == 0

    def run(*arguments: str, **variables: str) -> list[str]:
        done = sentri("keys", *arguments, **{"SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTS} | variables)
        assert done.returncode == 0, done.stderr
        assert ENCRYPTS not in done.stdout + done.stderr
        assert '"d"' not in done.stdout
        return done.stdout.splitlines()

    return run


def rows(lines: list[str]) -> list[list[str]]:
    """The cells of the table, without its head."""
    head, *others = [re.split(r"  +", line) for line in lines]
    assert head == ["KID", "PURPOSE", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL"]
    return others


def instant(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def test_list_shows_what_each_key_is_for(keys):
    access, refresh = rows(keys("list"))
    assert access[1:4] == ["access", "RS256", "signing"]
    assert refresh[1:4] == ["refresh", "HS256", "signing"]
    assert abs(instant(access[4]) - time.time()) < 60
    assert access[5:] == refresh[5:] == ["-", "-"]
    assert rows(keys("list")) == [access, refresh]


def test_json_has_the_same_for_programs(keys):
    (line,) = keys("list", "--json")
    access, refresh = json.loads(line)
    assert (access["purpose"], access["state"], refresh["purpose"]) == ("access", "signing", "refresh")
    assert access["retires_at"] is None
    (line,) = keys("rotate", "--json")
    upcoming = json.loads(line)
    assert upcoming["state"] == "upcoming"
    assert upcoming["signs_at"] == pytest.approx(time.time() + 900, abs=60)
    (line,) = keys("retire", access["kid"], "--now", "--json")
    told = json.loads(line)
    assert (told["key"]["kid"], told["key"]["state"]) == (access["kid"], "retired")
    assert len(told["signing"]) == 1


def test_rotate_makes_one_key_however_often_it_is_asked(keys):
    (said,) = keys("rotate")
    assert re.fullmatch(rf"{KID} is published, and signs from {TIME} \(sqlite://sentri\.db\)\.", said)
    assert keys("rotate") == [said]
    old, new, _ = rows(keys("list"))
    assert (old[3], new[3]) == ("signing", "upcoming")
    assert new[0] == said.split()[0]
    assert new[4] == old[5] == re.search(TIME, said)[0]
    assert abs(instant(new[4]) - time.time() - 900) < 60


def test_retire_is_a_rotation(keys):
    keys("list")
    (said,) = keys("retire")
    assert re.fullmatch(rf"{KID} signs until {TIME}, and verifies until {TIME} \(sqlite://sentri\.db\)", said)
    assert [row[3] for row in rows(keys("list"))] == ["signing", "upcoming", "signing"]


def test_retire_now_ends_the_key_and_names_the_one_that_signs(keys):
    leaked = rows(keys("list"))[0][0]
    refused, signs = keys("retire", leaked, "--now")
    assert re.fullmatch(rf"{leaked} is refused since {TIME} \(sqlite://sentri\.db\)", refused)
    assert re.fullmatch(rf"{KID} signs\.", signs)
    assert keys("retire", leaked, "--now") == [refused, signs]
    assert [row[3] for row in rows(keys("list"))] == ["retired", "signing", "signing"]


@pytest.mark.parametrize("arguments", [["list"], ["rotate"], ["retire"], ["retire", "--now"]])
def test_a_database_that_is_not_the_servers_is_no_place_to_end_keys_in(sentri, arguments):
    """In an emergency, with the wrong settings, nothing may look as if it were done."""
    done = sentri("keys", *arguments, SENTRI_KEY_ENCRYPTION_SECRET=ENCRYPTS)
    assert_refused(done, 1, "sqlite://sentri.db does not exist")
    assert not (sentri.folder / "sentri.db").exists()
    (sentri.folder / "sentri.db").touch()
    done = sentri("keys", *arguments, SENTRI_KEY_ENCRYPTION_SECRET=ENCRYPTS)
    assert_refused(done, 1, "sqlite://sentri.db has no sentri_keys")


def test_where_there_are_no_keys_there_is_none_to_end(sentri):
    assert sentri("migrate").returncode == 0
    done = sentri("keys", "retire", "--now", SENTRI_KEY_ENCRYPTION_SECRET=ENCRYPTS)
    assert_refused(done, 1, "sqlite://sentri.db has no signing keys")


def test_an_unknown_kid_is_one_line(sentri, keys):
    keys("list")
    done = sentri("keys", "retire", "nobody", SENTRI_KEY_ENCRYPTION_SECRET=ENCRYPTS)
    assert_refused(done, 1, "NOT_FOUND", "kid")


@pytest.mark.parametrize("command", ["list", "rotate", "retire"])
def test_asks_for_the_secret_by_its_variable(sentri, command):
    assert_refused(sentri("keys", command), 2, "SENTRI_KEY_ENCRYPTION_SECRET is required")


def test_a_wrong_secret_is_one_line_that_shows_neither(sentri, keys):
    assert sentri("keys", "list", SENTRI_KEY_ENCRYPTION_SECRET=ENCRYPTS).returncode == 0
    done = sentri("keys", "list", SENTRI_KEY_ENCRYPTION_SECRET=OTHER)
    assert_refused(done, 2, "SENTRI_KEY_ENCRYPTION_SECRET does not decrypt the signing key")
    assert OTHER not in done.stderr


def test_the_secret_rolls(sentri, keys):
    def kids(**variables: str) -> list[str]:
        done = sentri("keys", "list", **variables)
        assert done.returncode == 0, done.stderr
        return [row[0] for row in rows(done.stdout.splitlines())]

    (sentri.folder / "old").write_text(f"{ENCRYPTS}\n")
    before = kids(SENTRI_KEY_ENCRYPTION_SECRET_FILE="old")
    both = kids(SENTRI_KEY_ENCRYPTION_SECRET=OTHER, SENTRI_OTHER_KEY_ENCRYPTION_SECRET_FILE="old")
    assert before == both == kids(SENTRI_KEY_ENCRYPTION_SECRET=OTHER)


def test_a_second_secret_alone_is_refused(sentri):
    done = sentri("keys", "list", SENTRI_OTHER_KEY_ENCRYPTION_SECRET=OTHER)
    assert_refused(done, 2, "SENTRI_OTHER_KEY_ENCRYPTION_SECRET decrypts beside SENTRI_KEY_ENCRYPTION_SECRET")


def test_a_short_secret_is_refused_by_its_variable(sentri):
    done = sentri("keys", "list", SENTRI_KEY_ENCRYPTION_SECRET="hunter2")
    assert_refused(done, 2, "SENTRI_KEY_ENCRYPTION_SECRET has 7 bytes; it must have at least 32")
    assert "hunter2" not in done.stderr


def test_a_database_that_is_down_is_one_line(sentri):
    given = {"SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTS, "SENTRI_DATABASE_URL": "postgres://nobody@127.0.0.1:9/none"}
    assert_refused(sentri("keys", "list", **given), 1, "postgres://127.0.0.1:9/none does not answer")


# --- serve


def test_tokens_outlive_a_restart_and_production_is_content(sentri):
    settings = {
        "SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTS,
        "SENTRI_REGISTRATION": "true",
        "SENTRI_PRODUCTION": "true",
        "SENTRI_ALGORITHM": "ES256",
    }
    with sentri.serve(**settings) as serving:
        assert "ES256, in the database, encrypted with SENTRI_KEY_ENCRYPTION_SECRET" in serving.said
        serving.call("/register", ADA)
        token = serving.call("/login", ADA)["data"]["accessToken"]
        assert serving.stop() == 0
    assert "memory" not in serving.said + serving.log
    assert ENCRYPTS not in serving.said + serving.log
    with sentri.serve(**settings) as serving:
        assert serving.call("/me", Authorization=f"Bearer {token}")["data"]["identifier"] == ADA["identifier"]


def test_a_running_server_notices_what_the_command_line_did(sentri, keys, database_url):
    """Within five seconds of the end of the command, without a restart."""
    settings = {"SENTRI_DATABASE_URL": database_url, "SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTS}
    with sentri.serve(**settings) as serving:

        def published() -> list[str]:
            return [key["kid"] for key in serving.call("/keys")["keys"]]

        serving.call("/register", ADA)
        token = serving.call("/login", ADA)["data"]["accessToken"]
        (first,) = published()
        coming = keys("rotate", SENTRI_DATABASE_URL=database_url)[0].split()[0]
        _within_five_seconds(lambda: published() == [first, coming])
        signs = keys("retire", "--now", "--database-url", database_url)[1].split()[0]
        _within_five_seconds(lambda: published() == [signs])
        with pytest.raises(urllib.error.HTTPError, match="401"):
            serving.call("/me", Authorization=f"Bearer {token}")
        token = serving.call("/login", ADA)["data"]["accessToken"]
        assert serving.call("/me", Authorization=f"Bearer {token}")["statusCode"] == 200
        assert serving.stop() == 0
    assert "Traceback" not in serving.log


def _within_five_seconds(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
