"""docs/testing.md: its files make two projects whose tests pass, as their readers run them, and it names everything."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sentri_testing
from sentri_testing import async_fixtures, contracts, fixtures, strategies
from sentri_testing.__main__ import _SWITCHES
from sentri_testing.tokens import _NAMED
from tests.docs.pages import ROOT, block, blocks

PAGE = "docs/testing.md"
STORE = "docs/idempotent-requests.md"

TEXT = (ROOT / PAGE).read_text()
NAMED = re.compile(r"# (shop|stock)/(\w+\.py)\n")


def files_of(project: str) -> dict[str, str]:
    """The Python files of a project, by name."""
    named = [(NAMED.match(text), text) for text in blocks(PAGE)]
    return {found[2]: text for found, text in named if found is not None and found[1] == project}


def own_tests_of(project: str) -> set[str]:
    """The names of its tests, without those that a class inherits."""
    trees = [ast.parse(text) for name, text in files_of(project).items() if name.startswith("test_")]
    functions = [
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.fixture(params=["shop", "stock"])
def project(request, tmp_path) -> Path:
    """One of the page's projects, in a folder."""
    return written(tmp_path / request.param)


@pytest.fixture
def shop(tmp_path) -> Path:
    return written(tmp_path / "shop")


@pytest.fixture
def stock(tmp_path) -> Path:
    return written(tmp_path / "stock")


def written(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(block(PAGE, "asyncio_mode", "toml"))
    for name, text in files_of(folder.name).items():
        (folder / name).write_text(text)
    if folder.name == "shop":
        (folder / "store.py").write_text(block(STORE, "class SQLiteStore"))
    return folder


def ran(*arguments: str, within: Path) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the folder; warnings are errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=within,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def passed(folder: Path, *arguments: str) -> set[str]:
    """The names of the tests that pytest passed there, when it passed them all."""
    done = ran("-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-rA", *arguments, within=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(re.findall(r"^PASSED .*::(\w+)", done.stdout, re.MULTILINE))


def test_every_example_belongs_to_a_project():
    assert all(map(NAMED.match, blocks(PAGE)))
    assert {"app.py", "conftest.py"} <= files_of("shop").keys() & files_of("stock").keys()


def test_its_tests_pass(project):
    assert passed(project) >= own_tests_of(project.name)


def test_its_tests_pass_in_strict_mode_and_in_several_processes(project):
    """With what the page says that strict mode takes: a mark for tests, and pytest_asyncio.fixture for fixtures."""
    config = project / "pyproject.toml"
    config.write_text(config.read_text().replace('"auto"', '"strict"'))
    for path in project.glob("*.py"):
        path.write_text(strict(path.read_text()))
    assert passed(project, "--numprocesses=2") >= own_tests_of(project.name)


def strict(text: str) -> str:
    """A module for strict mode; those that are written for it, or for unittest, stay as they are."""
    if "pytestmark =" in text or "import unittest" in text:
        return text
    text = text.replace("@pytest.fixture\nasync def", "@pytest_asyncio.fixture\nasync def")
    text = re.sub(r"^( *)(?=async def test_)", r"\1@pytest.mark.asyncio\n\1", text, flags=re.MULTILINE)
    return f"import pytest\nimport pytest_asyncio\n{text}"


def test_the_unittest_example_needs_no_pytest(shop):
    without = "import sys; sys.modules['pytest'] = None; import unittest; unittest.main('test_with_unittest')"
    done = ran("-c", without, within=shop)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Ran [1-9]\d* tests?", done.stderr, re.MULTILINE)


def test_the_script_runs_by_itself(stock):
    done = ran("by_hand.py", within=stock)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "('admin',)\n"


# --- the command


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(line: str) -> Iterator[None]:
    """The command of the page, until it said that it listens."""
    _, *arguments = line.split()
    with subprocess.Popen(
        [sys.executable, "-W", "error", *arguments], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline()
            yield
        finally:
            process.terminate()


def test_the_command_and_its_switches_work(port):
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed here")
    session = block(PAGE, "_control/fail", "sh").replace("8090", str(port))
    session = session.replace("curl -s ", "curl -s -w '\\n' ")
    with serving(block(PAGE, "sentri_testing serve", "sh").replace("8090", str(port)).strip()):
        done = subprocess.run(["bash", "-eu", "-c", session], capture_output=True, text=True, timeout=60, check=True)
    login, token, *switched = [json.loads(line) for line in done.stdout.splitlines()]
    assert login["data"]["user"]["identifier"] == "ann"
    assert token["token"].count(".") == 2
    assert switched == [{}, {}, {}, [{"method": "POST", "path": "/auth/login"}], {}]


# --- what it names


def test_the_table_has_every_fixture():
    named = re.findall(r"^\| \[`(\w+)`\]", TEXT, re.MULTILINE)
    there = [name for module in (fixtures, async_fixtures) for name in public_fixtures(module)]
    assert sorted(named) == sorted(there)


def public_fixtures(module: object) -> Iterator[str]:
    for name, value in vars(module).items():
        if type(value).__name__ == "FixtureFunctionDefinition" and not name.startswith("_"):
            yield name


@pytest.mark.parametrize(
    ("heading", "there"),
    [
        ("When the auth server fails", {*_SWITCHES, "come_back"} - {"issue_token"}),
        ("Tokens by name", set(_NAMED)),
        ("Property tests", set(strategies.__all__)),
        ("Stores of your own", set(contracts.__all__)),
        ("Logged-in clients", inspect.signature(sentri_testing.as_user).parameters.keys() - {"client"}),
    ],
)
def test_the_tables_have_everything(heading, there):
    section = TEXT.partition(f"# {heading}\n")[2].partition("\n```")[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    named = [re.match(r"\w+", name)[0] for cell in cells for name in re.findall(r"`(.*?)`", cell)]
    assert sorted(named) == sorted(there)


def test_the_page_has_every_public_name():
    untold = [name for name in sentri_testing.__all__ if not re.search(rf"\b{name}\b", TEXT)]
    assert untold == TYPES


TYPES = ["Carriage", "HostileToken", "LoggedInClient", "LoggedRequest", "Mint", "RequestLog", "SavedUser", "TestKey"]
"""What fixtures and functions give; nobody has to import it."""
