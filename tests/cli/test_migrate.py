"""`sentri migrate`."""

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


def test_file_that_cannot_be_opened_names_the_argument(sentri):
    assert_refused(sentri("migrate", "--database-url", "sqlite://no/such/folder/a.db"), 2, "--database-url", "no/such")


def test_file_that_is_no_database_is_one_line(sentri):
    (sentri.folder / "sentri.db").write_text("no database " * 1000)
    assert_refused(sentri("migrate"), 2, "SENTRI_DATABASE_URL", "sqlite://sentri.db refuses")


def test_url_is_never_shown(sentri):
    done = sentri("migrate", "--database-url", "mongo://joe:hunter2@127.0.0.1/shop")
    assert_refused(done, 2, "--database-url has no known scheme")
    assert "hunter2" not in done.stderr
