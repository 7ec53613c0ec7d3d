"""`sentri users list`, `show`, `set-password`, `roles`, `disable`, `enable` and `delete`; `sentri sessions`."""

from __future__ import annotations

import json
import re

import pytest

from sentri.accounts.administration.records import UserInfo
from sentri.cli.showing import print_json_list, show_table
from sentri.cli.users.listing import _show
from sentri.randomness import new_id
from tests.cli.conftest import assert_refused

PASSWORD = "correct horse battery"
ENCRYPTS = "what encrypts the keys of the command line"


@pytest.fixture
def administer(sentri):
    """Runs a command on the same file; what it prints as JSON."""

    def run(*arguments: str, stdin: str = ""):
        done = sentri(*arguments, "--json", stdin=stdin, SENTRI_KEY_ENCRYPTION_SECRET=ENCRYPTS)
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return json.loads(done.stdout)

    for name, *roles in (("ann", "user"), ("bob",), ("cid", "user", "admin")):
        given = [word for role in roles for word in ("--role", role)]
        run("users", "create", name, *given, stdin=PASSWORD)
    return run


def names(users) -> list[str]:
    return [user["identifier"] for user in users]


def test_lists_and_searches(administer):
    assert names(administer("users", "list")) == ["ann", "bob", "cid"]
    assert names(administer("users", "list", "--search", "B")) == ["bob"]
    assert names(administer("users", "list", "--contains", "n")) == ["ann"]
    assert names(administer("users", "list", "--role", "admin")) == ["cid"]
    assert names(administer("users", "list", "--limit", "2")) == ["ann", "bob"]
    assert names(administer("users", "list", "--all")) == ["ann", "bob", "cid"]
    assert administer("users", "list", "--all", "--search", "nobody") == []
    administer("users", "disable", "bob")
    assert names(administer("users", "list", "--disabled")) == ["bob"]
    assert names(administer("users", "list", "--enabled")) == ["ann", "cid"]


def test_people_get_a_table_and_are_told_of_more(sentri, administer):
    done = sentri("users", "list", "--limit", "2")
    assert re.match(r"ID +IDENTIFIER +ROLES +CREATED +DISABLED\n", done.stdout)
    assert len(done.stdout.splitlines()) == 3
    assert "more than 2" in done.stderr


def test_shows_one_by_id_or_identifier(administer):
    ann = administer("users", "show", " ANN ")
    assert ann == administer("users", "show", ann["id"])
    assert (ann["roles"], ann["disabled_at"]) == (["user"], None)


def test_roles_are_added_taken_and_set(administer):
    assert administer("users", "roles", "ann", "--add", "admin", "--remove", "user")["roles"] == ["admin"]
    assert administer("users", "roles", "ann", "--set", "user")["roles"] == ["user"]
    assert administer("users", "roles", "ann", "--clear")["roles"] == []


def test_who_is_disabled_has_no_session_and_may_be_enabled(administer):
    assert administer("users", "disable", "ann")["disabled_at"] > 0
    assert administer("sessions", "list", "ann") == []
    assert administer("users", "enable", "ann")["disabled_at"] is None


def test_a_new_password_logs_out_everywhere(sentri, administer):
    settings = {"SENTRI_KEY_ENCRYPTION_SECRET": ENCRYPTS}
    with sentri.serve(**settings) as serving:
        login = {"identifier": "ann", "password": PASSWORD}
        token = serving.call("/login", login)["data"]["accessToken"]
        (session,) = administer("sessions", "list", "ann")
        assert session["device"].startswith("Python-urllib")
        administer("users", "set-password", "ann", stdin="another horse battery")
        assert administer("sessions", "list", "ann") == []
        with pytest.raises(Exception, match="401"):
            serving.call("/me", Authorization=f"Bearer {token}")
        serving.call("/login", {**login, "password": "another horse battery"})
        (session,) = administer("sessions", "list", "ann")
        assert administer("sessions", "revoke", session["id"]) == {"revoked": 1}
        serving.call("/login", {**login, "password": "another horse battery"})
        assert administer("sessions", "revoke", "--user", "ann") == {"revoked": 1}


def test_deletes_who_is_confirmed(sentri, administer):
    assert_refused(sentri("users", "delete", "ann"), 2, "--yes")
    administer("users", "delete", "ann", "--yes")
    assert_refused(sentri("users", "show", "ann"), 1, "USER_NOT_FOUND")


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), (None, 1, 1)])
def test_delete_asks_on_a_terminal(administer, terminal, answer, code, left):
    shell = terminal("users", "delete", "ann")
    shell.until("[y/N]: ")
    if answer is None:
        shell.interrupt()
    else:
        shell.type(answer)
    assert shell.end() == code, shell.shown
    assert len(administer("users", "list", "--search", "ann")) == left


async def test_users_are_shown_as_they_are_read(capsys):
    async def users():
        for number in range(250):
            if number == 205:
                assert len(capsys.readouterr().out.splitlines()) == 201  # two pages, and one line of headings
            yield UserInfo(new_id(), f"user {number}", (), 0.0, None)

    await _show(users())
    assert len(capsys.readouterr().out.splitlines()) == 50


async def test_json_is_written_as_it_is_read(capsys):
    async def values():
        yield {"identifier": "é"}
        assert capsys.readouterr().out.startswith("[")
        yield 2

    await print_json_list(values())
    assert capsys.readouterr().out == ", 2]\n"


def test_a_table_steers_no_terminal(capsys):
    show_table(("DEVICE",), [("Lynx\x1b[2J",)])
    assert capsys.readouterr().out == "DEVICE\nLynx\N{REPLACEMENT CHARACTER}[2J\n"


def test_what_looks_like_an_id_is_nobody_who_is_called_so(sentri, administer):
    stranger = "AAAAAAAA-0000-4000-8000-000000000000"
    administer("users", "create", stranger, stdin=PASSWORD)
    assert_refused(sentri("users", "roles", stranger, "--add", "admin"), 1, "USER_NOT_FOUND")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("users", "show", "nobody"), 1, "USER_NOT_FOUND"),
        (("users", "roles", "ann"), 2, "--add"),
        (("users", "roles", "ann", "--set", "user", "--add", "admin"), 2, "--set alone"),
        (("users", "roles", "ann", "--clear", "--add", "admin"), 2, "--clear alone"),
        (("users", "roles", "ann", "--remove", "amdin"), 2, "for --remove: 'amdin'"),
        (("users", "list", "--all", "--limit", "5"), 2, "not both"),
        (("users", "roles", "ann", "--add", "amdin"), 2, "did you mean admin?"),
        (("users", "list", "--limit", "0"), 2, "--limit"),
        (("users", "list", "--role", "amdin"), 2, "INVALID_ROLE"),
        (("sessions", "revoke"), 2, "--user"),
        (("sessions", "revoke", "x"), 2, "VALIDATION_ERROR"),
    ],
)
def test_refuses_in_one_line(sentri, administer, arguments, code, reason):
    done = sentri(*arguments)
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert (done.returncode, len(lines)) == (code, 1), done.stderr
    assert reason in lines[0]
