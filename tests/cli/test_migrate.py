"""`sentri migrate`."""

import json
from concurrent.futures import ThreadPoolExecutor

from tests.cli.conftest import assert_refused


def test_applies_then_has_nothing_to_do(sentri, database_url):
    first = sentri("migrate", SENTRI_DATABASE_URL=database_url)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Applied 0_")
    second = sentri("migrate", "--database-url", database_url)
    assert (second.returncode, second.stdout) == (0, "Nothing to do.\n")


def test_ten_at_once_apply_once(sentri, database_url):
    with ThreadPoolExecutor(10) as threads:
        done = list(threads.map(lambda _: sentri("migrate", SENTRI_DATABASE_URL=database_url), range(10)))
    assert [each.returncode for each in done] == [0] * 10, [each.stderr for each in done]
    assert sum(each.stdout.startswith("Applied") for each in done) == 1
    assert sum(each.stdout == "Nothing to do.\n" for each in done) == 9


def test_check_tells_what_is_pending_and_changes_nothing(sentri, database_url):
    for _ in range(2):
        before = sentri("migrate", "--check", "--json", SENTRI_DATABASE_URL=database_url)
        assert before.returncode == 3, before.stderr
        assert [name[:2] for name in json.loads(before.stdout)["pending"]][:2] == ["0_", "1_"]
    applied = json.loads(sentri("migrate", "--json", SENTRI_DATABASE_URL=database_url).stdout)
    assert applied == {"applied": json.loads(before.stdout)["pending"]}
    after = sentri("migrate", "--check", SENTRI_DATABASE_URL=database_url)
    assert (after.returncode, after.stdout) == (0, "Nothing to do.\n")


def test_check_makes_no_file(sentri):
    done = sentri("migrate", "--check")
    assert done.returncode == 3
    assert done.stdout.startswith("Not applied: 0_")
    assert list(sentri.folder.iterdir()) == []


def test_check_names_a_database_that_does_not_answer(sentri):
    done = sentri("migrate", "--check", "--database-url", "postgres://joe:hunter2@127.0.0.1:1/shop")
    assert_refused(done, 1, "postgres://127.0.0.1:1/shop does not answer")
    assert "hunter2" not in done.stderr


def test_file_that_cannot_be_opened_names_the_argument(sentri):
    assert_refused(sentri("migrate", "--database-url", "sqlite://no/such/folder/a.db"), 2, "--database-url", "no/such")


def test_file_that_is_no_database_is_one_line(sentri):
    (sentri.folder / "sentri.db").write_text("no database " * 1000)
    assert_refused(sentri("migrate"), 2, "SENTRI_DATABASE_URL", "sqlite://sentri.db refuses")


def test_url_is_never_shown(sentri):
    done = sentri("migrate", "--database-url", "mongo://joe:hunter2@127.0.0.1/shop")
    assert_refused(done, 2, "--database-url has the scheme 'mongo'")
    assert "hunter2" not in done.stderr
