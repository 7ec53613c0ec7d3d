"""What the guides type into a terminal does what they say: each block in a shell, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from aiohttp import web

from sentri import create_auth_server
from sentri.config.database import Database as DatabaseOptions
from sentri.storage import Database, migrate
from tests.cli.conftest import PATIENCE, url_of
from tests.docs.pages import ROOT, block, blocks
from tests.support import SECRET, serving

pytestmark = [
    pytest.mark.skipif(not shutil.which("bash") or not shutil.which("curl"), reason="needs bash and curl"),
    pytest.mark.filterwarnings("ignore:the keys live in memory"),
]


@pytest.fixture
def dialect() -> str:
    """The pages are the same for each: one is enough."""
    return "sqlite"


class Shell:
    """A terminal in an empty folder, with the environment of this suite active."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRI_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        database = f"sqlite://{folder / 'sentri.db'}"
        self.environment = kept | {"PATH": path, "PYTHONPATH": str(ROOT)}
        self.set(SENTRI_KEY_ENCRYPTION_SECRET=SECRET, SENTRI_DATABASE_URL=database)

    def set(self, **variables: str) -> None:
        """As `export` does."""
        self.environment |= variables

    def __call__(self, text: str, *, typed: str = "", code: int = 0) -> str:
        """What a block prints, whose last command ends with this code."""
        done = subprocess.run(
            ["bash", "-u", "-c", text],
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def shop(self, *pages: str, name: str) -> None:
        """The package `shop`, whose module is made of a page's blocks."""
        package = self.folder / "shop"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / name).write_text("\n".join(pages))


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def tables(empty_database_options, shell) -> DatabaseOptions:
    """A database for the commands; asking for `sentri migrate` each time would take half of the time."""
    shell.set(SENTRI_DATABASE_URL=url_of(empty_database_options))
    asyncio.run(migrated(empty_database_options))
    return empty_database_options


async def migrated(options: DatabaseOptions) -> None:
    database = Database(options)
    await database.open()
    await migrate(database)
    await database.close()


async def users_in(options: DatabaseOptions) -> list[tuple[str, tuple[str, ...]]]:
    async with create_auth_server(valid_roles=("user",), db=options, migrate_on_startup=False) as auth:
        return [(user.identifier, user.roles) for user in (await auth.users.list()).items]


# --- users, keys, routes, doctor


@pytest.mark.parametrize(
    ("page", "roles"),
    [("docs/roles-and-ownership.md", "member,editor,super_admin"), ("docs/command-line.md", "user,admin")],
)
def test_the_first_admin_is_made(shell, tables, page, roles):
    """With the roles that the page's application has; the password is read from standard input."""
    registration, *_, top = roles.split(",")
    shell.set(SENTRI_VALID_ROLES=roles, SENTRI_ADMIN_ROLES=top, SENTRI_REGISTRATION_ROLES=registration)
    shell(block(page, "users create", "sh"), typed="battery staple\n")
    assert asyncio.run(users_in(tables)) == [("ada@example.com", (top,))]


def test_keys_are_rotated_listed_and_retired_at_once(shell, tables):
    page = "docs/keys-and-rotation.md"
    assert "is published, and signs from" in shell(block(page, "rotate", "sh"))
    listing, retiring = block(page, "retire", "sh").splitlines()
    [leaked] = signing(shell(listing))
    shell(retiring.replace("KID", leaked, 1))
    [new] = signing(shell(listing))
    assert new != leaked


def signing(listed: str) -> list[str]:
    """The ids of the keys that sign access tokens."""
    rows = [line.split() for line in listed.splitlines()]
    return [kid for kid, purpose, _, state, *_ in rows if (purpose, state) == ("access", "signing")]


def test_routes_finds_nothing_open_but_what_is_named(shell):
    page = "docs/protect-an-app.md"
    shell.shop(*(text for text in blocks(page) if "sentri_testing" not in text), name="main.py")
    audit = block(page, "sentri routes", "sh")
    assert "/profile" in shell(audit)
    shell(audit.replace("--public /prices", ""), code=3)


def test_the_doctor_looks_at_the_settings_and_at_an_application(shell):
    page = "docs/protect-an-app.md"
    shell.shop(*(text for text in blocks(page) if "sentri_testing" not in text), name="main.py")
    found = shell(block("docs/doctor.md", "sentri doctor", "sh"), code=3)
    settings, application = re.split(r"(?m)^(?=.*keys-in-memory)", found)
    assert "keys-in-memory" not in settings
    assert "rate-limits-per-process" in application


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_switched_on_in_each_shell(shell, name):
    """In Bash really; of the other two, which may not be installed, what they would take."""
    line = next(line for line in block("docs/command-line.md", "_COMPLETE", "sh").splitlines() if name in line)
    if name == "bash":
        assert "sentri" in shell(f"{line}\ncomplete -p sentri")
    else:
        command = re.search(rf"_SENTRI_COMPLETE={name}_source sentri", line)[0]
        assert "_SENTRI_COMPLETE=" in shell(command)


# --- curl


async def test_the_repeated_order_is_answered_once_more(shell):
    """The line of docs/idempotent-requests.md, twice."""
    auth = create_auth_server(valid_roles=("user",), db="sqlite://:memory:")
    taken = []

    async def order(request: web.Request) -> web.Response:
        taken.append(await request.text())
        return web.json_response({"order": len(taken)}, status=201)

    app = web.Application()
    auth.setup(app)
    app.router.add_post("/orders", order)
    async with serving(app) as client:
        line = block("docs/idempotent-requests.md", "curl", "sh").replace("8080", str(client.port))
        first, again = [await asyncio.to_thread(shell, line) for _ in range(2)]
    assert taken == ['{"product": "a book"}']
    assert "Idempotent-Replayed" not in first
    assert "Idempotent-Replayed: true" in again
    assert first.splitlines()[-1] == again.splitlines()[-1] == '{"order": 1}'


# --- for those who work on sentri


def made(line: str, *arguments: str) -> list[str]:
    """`make` with the targets of the line; the environment, which is this suite's, is left as it is."""
    assert line.startswith("make ")
    return [
        "make",
        "--no-print-directory",
        "--old-file=setup",
        f"VENV={sys.prefix}",
        *arguments,
        *shlex.split(line)[1:],
    ]


@pytest.mark.parametrize(
    ("page", "line"),
    [
        (page, line.partition("#")[0].strip())
        for page in ("README.md", "CONTRIBUTING.md", "docs/security/evidence.md")
        for text in blocks(page, "sh")
        for line in text.splitlines()
        if line.startswith("make ")
    ],
)
def test_make_runs_what_is_there(page, line):
    """What the recipes of a page's lines call: a module or a program that exists."""
    said = subprocess.run(made(line, "--dry-run"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = [words for words in map(shlex.split, said.splitlines()) if words]
    assert commands
    for program, *arguments in commands:
        assert shutil.which(program), program
        if arguments[0] == "-m":
            assert find_spec(arguments[1]), arguments[1]
        elif program.endswith("python"):
            assert (ROOT / arguments[0]).is_file(), arguments[0]


def test_the_demo_serves_and_can_be_tried(shell):
    """`make demo`, then the lines that it prints."""
    [line] = [line for line in block("README.md", "make demo", "sh").splitlines() if "demo" in line]
    line = line.partition("#")[0].strip()
    with subprocess.Popen(
        made(line, "DEMO_ARGS=--port 0"), cwd=ROOT, env=shell.environment, stdout=subprocess.PIPE, text=True
    ) as demo:
        try:
            said = ""
            while '$TOKEN"\n' not in said:
                more = demo.stdout.readline()
                assert more, said
                said += more
            answers = shell(said.partition("Try it:\n\n")[2])
            assert '"statusCode":200' in answers.splitlines()[-1]
        finally:
            demo.terminate()


def test_a_migration_is_made_of_a_change_to_the_models(shell):
    """CONTRIBUTING's line, in a copy of what it needs."""
    for part in ("sentri", "migrations", "tools"):
        shutil.copytree(ROOT / part, shell.folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    models = shell.folder / "sentri/models.py"
    models.write_text(
        models.read_text().replace(
            "    disabled_at", "    nickname = fields.CharField(max_length=20, null=True)\n    disabled_at", 1
        )
    )
    line = block("CONTRIBUTING.md", "make_migration.py", "sh").replace(".venv/bin/python", "python")
    shell.set(PYTHONPATH=str(shell.folder))
    shell(line)
    for dialect in ("sqlite", "postgres", "mysql"):
        [made] = (shell.folder / f"migrations/{dialect}/sentri").glob("*_add_something.py")
        assert "nickname" in made.read_text()
