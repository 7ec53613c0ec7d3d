"""`sentri users create`."""

import json
import re

import pytest

from sentri import create_auth
from tests.cli.conftest import assert_refused
from tests.support import SECRET

PASSWORD = "correct horse battery"
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n")


async def log_in(database_url: str, password: str = PASSWORD):
    """Through the library, on the same database."""
    async with create_auth(db=database_url, secret=SECRET, valid_roles=("user", "admin")) as auth:
        tokens = await auth.accounts.login("ada@example.com", password)
        return await auth.authenticate(tokens.access_token)


async def test_first_admin_is_made_on_an_empty_database(sentri, database_url):
    done = sentri(
        "users", "create", "ada@example.com", "--role", "admin", "--role", "user",
        stdin=f"{PASSWORD}\n", SENTRI_DATABASE_URL=database_url,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ID.fullmatch(done.stdout)
    user = await log_in(database_url)
    assert (user.id, set(user.roles)) == (done.stdout.strip(), {"admin", "user"})


def test_json_shows_the_user(sentri):
    done = sentri("users", "create", " Ada ", "--role", "admin", "--json", stdin=PASSWORD)
    user = json.loads(done.stdout)
    assert user == {"id": user["id"], "identifier": "Ada", "roles": ["admin"]}


def test_without_role_the_user_has_none(sentri):
    assert json.loads(sentri("users", "create", "ada", "--json", stdin=PASSWORD).stdout)["roles"] == []


async def test_password_is_the_first_line_without_its_newline(sentri):
    done = sentri("users", "create", "ada@example.com", stdin=f" {PASSWORD} \r\nmore\n")
    assert done.returncode == 0, done.stderr
    assert await log_in(f"sqlite://{sentri.folder / 'sentri.db'}", f" {PASSWORD} ")


def test_user_who_exists_is_refused(sentri):
    assert sentri("users", "create", "ada", stdin=PASSWORD).returncode == 0
    assert_refused(sentri("users", "create", "ADA", stdin=PASSWORD), 1, "USER_ALREADY_EXISTS")


@pytest.mark.parametrize(("stdin", "reason"), [("", "there is none"), ("\nsecond line\n", "there is none")])
def test_refuses_empty_password(sentri, stdin, reason):
    assert_refused(sentri("users", "create", "ada", stdin=stdin), 2, reason)
    assert not (sentri.folder / "sentri.db").exists()


def test_refuses_password_that_may_not_be_set(sentri):
    done = sentri("users", "create", "ada", stdin="hunter2\n")
    assert_refused(done, 2, "VALIDATION_ERROR", "password")
    assert "hunter2" not in done.stderr


def test_refuses_unknown_role_before_anything_is_done(sentri):
    done = sentri("users", "create", "ada", "--role", "amdin")
    assert_refused(done, 2, "--role", "'amdin'", "user, admin; did you mean admin?")
    assert not (sentri.folder / "sentri.db").exists()


@pytest.mark.parametrize("option", ["--password", "--password-stdin", "-p"])
def test_password_is_no_argument(sentri, option):
    assert_refused(sentri("users", "create", "ada", option, "hunter2"), 2, "No such option")


def test_makes_no_tables_where_migrations_are_off(sentri):
    done = sentri("users", "create", "ada", stdin=PASSWORD, SENTRI_MIGRATE_ON_STARTUP="false")
    assert_refused(done, 1, "sentri migrate")


def test_prompt_hides_and_confirms(terminal):
    shell = terminal("users", "create", "ada")
    shell.until("Password: ")
    shell.type(f"{PASSWORD}\n")
    shell.until("Password again: ")
    shell.type(f"{PASSWORD}\n")
    assert shell.end() == 0, shell.shown
    assert PASSWORD not in shell.shown
    assert ID.search(shell.shown.replace("\r", ""))


def test_an_identifier_that_was_left_out_is_asked_for(terminal):
    shell = terminal("users", "create", "--role", "admin")
    shell.until("Identifier: ")
    shell.type("ada\n")
    for prompt in ("Password: ", "Password again: "):
        shell.until(prompt)
        shell.type(f"{PASSWORD}\n")
    assert shell.end() == 0, shell.shown
    assert ID.search(shell.shown.replace("\r", ""))


def test_what_is_piped_in_is_never_taken_for_an_identifier(sentri):
    done = sentri("users", "create", "--role", "admin", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert_refused(done, 2, "Missing argument 'IDENTIFIER'")
    assert PASSWORD not in done.stdout + done.stderr
    assert not (sentri.folder / "sentri.db").exists()


def test_prompt_asks_again_where_the_two_differ(terminal):
    shell = terminal("users", "create", "ada")
    for again in ("something else", PASSWORD):
        shell.until("Password: ")
        shell.type(f"{PASSWORD}\n")
        shell.until("Password again: ")
        shell.type(f"{again}\n")
    assert shell.end() == 0, shell.shown
    assert "do not match" in shell.shown


def test_ctrl_c_ends_the_prompt(terminal, sentri):
    shell = terminal("users", "create", "ada")
    shell.until("Password: ")
    shell.interrupt()
    assert shell.end() == 1, shell.shown
    assert "Aborted!" in shell.shown
    assert not (sentri.folder / "sentri.db").exists()
