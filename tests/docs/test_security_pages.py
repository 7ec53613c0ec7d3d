"""docs/security: every measure names a test that exists, and no requirement and no part of sentri is left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sentri.passwords.policy import LEAST_CHARACTERS
from tests.docs.named_tests import NAMED, exists
from tests.docs.pages import ROOT, block, executed
from tests.support import SECRET, assert_error, data_of, serving

PAGES = sorted((ROOT / "docs/security").glob("*.md"))
MODEL = (ROOT / "docs/security/threat-model.md").read_text()
ASVS = (ROOT / "docs/security/asvs.md").read_text()
NOTHING = "\u2013"
CONFIGURATION = "create_auth_server("

LEVELS = {
    "3.3": "12223", "3.5": "11122333",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "9.1": "111", "9.2": "1222",
}  # fmt: skip
"""Section of ASVS 5.0.0 → the level of each of its requirements, from the first on."""
REQUIREMENTS = {
    f"{section}.{n}": int(level) for section, all_of_it in LEVELS.items() for n, level in enumerate(all_of_it, 1)
}
VERDICTS = {"met", "met, if set", "the application's", "not met", "not there"}


class Row(NamedTuple):
    """A row of a table: the heading above it, and its cells by the names of the columns."""

    heading: str
    cells: dict[str, str]


def rows(page: str, column: str) -> Iterator[Row]:
    """Those of every table that has this column."""
    heading, columns = "", []
    for line in page.splitlines():
        if line.startswith("#"):
            heading, columns = line.lstrip("# "), []
        elif not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells_of(line)
        elif column in columns and not re.fullmatch(r"[|\-: ]+", line):
            cells = cells_of(line)
            assert len(cells) == len(columns), line
            yield Row(heading, dict(zip(columns, cells, strict=True)))


def cells_of(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


# --- the tests that are named


def test_what_is_no_test_is_noticed():
    """The check below can fail."""
    here = "tests/docs/test_security_pages.py"
    assert exists(f"{here}::test_what_is_no_test_is_noticed")
    assert exists("tests/storage/test_users.py::TestUsers::test_keys_compare_by_bytes")
    for name in (
        f"{here}::test_that_nobody_wrote",
        f"{here}::exists",
        f"{here}::Row::test_heading",
        "tests/docs/test_nothing.py::test_exists",
        "tests/storage/test_users.py::test_keys_compare_by_bytes",
        "tests/storage/test_users.py::TestUsers::test_that_nobody_wrote",
    ):
        assert not exists(name), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_is_named_exists(page):
    assert [name for name in NAMED.findall(page.read_text()) if not exists(name)] == []


# --- the threat model


def components() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows(MODEL, "STRIDE"):
        found.setdefault(row.heading, []).append(row)
    return found


def test_every_measure_names_its_test():
    """A threat without a measure says what is left to do instead."""
    for row in rows(MODEL, "STRIDE"):
        cells = row.cells
        if cells["measure"] == NOTHING:
            assert cells["shown by"] == NOTHING, row
            assert cells["what is left"] != NOTHING, row
        else:
            assert NAMED.findall(cells["shown by"]), row
        assert cells["threat"], row


@pytest.mark.parametrize("component", components())
def test_every_component_is_asked_all_six_questions(component):
    letters = "".join(row.cells["STRIDE"] for row in components()[component])
    assert set(letters.replace(" ", "")) == set("STRIDE")


def test_every_part_of_sentri_belongs_to_a_component():
    """Each component says which code it is. Whoever adds a part asks the six questions of it."""
    named = {path for line in re.findall(r"^Code: (.*)$", MODEL, re.MULTILINE) for path in re.findall(r"`(.+?)`", line)}
    assert [path for path in named if not (ROOT / path).exists()] == []
    parts = {
        f"sentri/{path.name}" for path in (ROOT / "sentri").iterdir() if path.name not in ("__pycache__", "py.typed")
    }
    parts |= {"sentri_testing", "migrations", "pyproject.toml"}
    covered = {"/".join(path.split("/")[:2]) for path in named}
    assert sorted(parts - covered) == []
    assert len(re.findall(r"^Code: ", MODEL, re.MULTILINE)) == len(components())


# --- ASVS


def asvs() -> dict[str, dict[str, str]]:
    listed = [(row.cells["#"], row.cells) for row in rows(ASVS, "verdict") if "#" in row.cells]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


def test_every_requirement_has_its_row():
    assert {number: int(cells["level"]) for number, cells in asvs().items()} == REQUIREMENTS


def test_what_is_met_names_its_test_and_what_is_not_says_why():
    for number, cells in asvs().items():
        assert cells["verdict"] in VERDICTS, number
        assert cells["requirement"], number
        assert cells["why"], number
        assert bool(NAMED.findall(cells["shown by"])) == cells["verdict"].startswith("met"), number
        assert NAMED.findall(cells["shown by"]) or cells["shown by"] == NOTHING, number


def test_the_summary_counts_right():
    counted = Counter((cells["verdict"], cells["level"]) for cells in asvs().values())
    summary = {row.cells["verdict"]: row.cells for row in rows(ASVS, "level 1")}
    assert set(summary) == VERDICTS
    for verdict, cells in summary.items():
        assert [cells[f"level {level}"] for level in "123"] == [str(counted[verdict, level]) for level in "123"], (
            verdict
        )


@pytest.fixture
def strict(monkeypatch) -> dict:
    """What the page's configuration leaves."""
    monkeypatch.setenv("DATABASE_URL", "sqlite://:memory:")
    monkeypatch.setenv("KEY_ENCRYPTION_SECRET", SECRET)
    return executed(block("docs/security/asvs.md", CONFIGURATION))


def test_what_is_met_if_set_is_set():
    """By an option that the row names."""
    given = set(re.findall(r"^    (\w+)=", block("docs/security/asvs.md", CONFIGURATION), re.MULTILINE))
    for number, cells in asvs().items():
        if cells["verdict"] == "met, if set":
            assert set(re.findall(r"`(\w+)", cells["why"])) & given, number


async def test_the_configuration_does_what_it_says(strict):
    async with serving(strict["app"]) as client:

        async def register(password: str):
            return await client.post("/auth/register", json={"identifier": "ann", "password": password})

        for password in ("password1", "acme-2026", "short"):
            error = await assert_error(await register(password), 400, "VALIDATION_ERROR")
            assert error["message"].startswith("password: ")
        long = "ein sehr langes \U0001f600 Kennwort " * 4
        assert len(long.encode()) > 72
        await data_of(await register(long), 201)
        login = await client.post("/auth/login", json={"identifier": "ann", "password": long})
        assert login.status == 200
        assert set(login.cookies) == {"__Host-refresh_token", "__Host-access_token"}
        assert all(cookie["secure"] and cookie["httponly"] for cookie in login.cookies.values())


def test_the_list_of_common_passwords_is_long_enough(strict):
    """6.2.4 asks for 3,000 that the policy would let through."""
    common = strict["auth"]._context.rules.passwords.common  # noqa: SLF001 - what the options came to
    assert sum(len(password) >= LEAST_CHARACTERS["default"] for password in common) == 11_611
    assert sum(len(password) >= LEAST_CHARACTERS["nist"] for password in common) == 31


def test_no_endpoint_is_undocumented(strict):
    """6.1.3 and 6.3.4: every way in stands on a page for those who use it."""
    pages = "\n".join(path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")) if path not in PAGES)
    documented = {
        (method, re.sub(r"\{\w+\}", "{}", path)) for method, path in re.findall(r"\b([A-Z]+) (/[\w{}/.-]*)", pages)
    }
    routes = [
        (route.method, route.resource) for route in strict["auth"].app().router.routes() if route.method != "HEAD"
    ]
    assert routes
    for method, resource in routes:
        assert (method, re.sub(r"\{\w+\}", "{}", resource.canonical)) in documented, (method, resource)
