"""docs/administration.md: its examples run, and its tables are those of the code."""

from __future__ import annotations

import inspect
import re
import textwrap

import pytest

from sentri import SessionAdministration, UserAdministration, create_auth
from sentri.web.administration_inputs import MOST_ROWS
from sentri.web.endpoints.administered_users import MOST_PASSWORDS
from sentri.web.endpoints.administration_table import ADMINISTRATION, MOST_IMPORT_BYTES, OWN_SESSIONS
from tests.docs.pages import ROOT, block, executed
from tests.support import PASSWORD, PASSWORD_HASH, SECRET

PAGE = "docs/administration.md"
TEXT = (ROOT / PAGE).read_text()


@pytest.fixture
async def auth():
    async with create_auth(
        db="sqlite://:memory:", secret=SECRET, valid_roles=("user", "admin"), salt_rounds=10
    ) as made:
        await made.migrate()
        yield made


async def run(text, **names):
    """A block, in a function that may wait."""
    await executed(f"async def example():\n{textwrap.indent(text, '    ')}", **names)["example"]()


async def test_a_users_password_is_set_and_they_are_disabled(auth, capsys):
    user = await auth.users.create("Ann", PASSWORD, ["user"])
    await auth.accounts.start_session(user.id)
    await run(block(PAGE, "auth.users.list("), auth=auth)
    assert capsys.readouterr().out == "Ann ('user',) None\n"
    assert (await auth.users.get(user.id)).disabled_at is not None
    assert (await auth.sessions.list(user.id)).items == ()


async def test_users_are_imported_with_a_report(auth, capsys):
    text = block(PAGE, "import_many(")
    await run(text.replace("$2b$12$…", PASSWORD_HASH), auth=auth)
    assert capsys.readouterr().out == ""
    assert [user.identifier for user in (await auth.users.list()).items] == ["ann@example.com", "bob@example.com"]
    await run(text, auth=auth)
    told = capsys.readouterr().out.splitlines()
    assert [line[:20] for line in told] == ["row 1: password_hash", "row 2: identifier: a"]


def test_every_endpoint_is_in_the_tables():
    shown = re.findall(r"^\| (GET|POST|PUT|PATCH|DELETE) (/\S+) \|", TEXT, re.MULTILINE)
    assert shown == [(row.method, row.path) for row in (*ADMINISTRATION, *OWN_SESSIONS)]


@pytest.mark.parametrize("facade", [UserAdministration, SessionAdministration])
def test_every_function_is_in_the_table(facade):
    table = TEXT[TEXT.index("## In Python") : TEXT.index("## Searching")]
    for name, _ in inspect.getmembers(facade, inspect.iscoroutinefunction):
        if not name.startswith("_"):
            assert re.search(rf"\b{name}\b", table), name


def test_the_limits_are_those_of_the_code():
    assert (MOST_ROWS, MOST_PASSWORDS, MOST_IMPORT_BYTES) == (1000, 100, 2**20)
    assert "1 MiB and 1,000 rows, of which 100 may have passwords" in TEXT
