"""Build the sdist and, from it, the wheel; look into both; install the wheel into an empty environment and use it.

Everything happens in a temporary folder, from where the checkout is out of sight. The dependencies are those of
requirements/dev.txt. `sentri migrate` makes the schema of an empty SQLite database, then `sentri serve` answers a
registration, a login and a look at oneself over HTTP. examples/consumer, an application with tests of its own, runs
them with the installed wheel and its `testing` extra, in one process and in two. What is installed is what README.md,
docs/command-line.md and docs/testing.md say. Last the tutorial is followed, from its `python3 -m venv` on; it ends on
PostgreSQL and Redis, and is skipped where they do not run.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements" / "dev.txt"
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
DIALECTS = ("mysql", "postgres", "sqlite")
START_TIMEOUT = 60  # seconds, on a slow machine that compiles every module
CLEAN_ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON", "SENTRI_"))}
CONSUMER = ROOT / "examples" / "consumer"
INSTALLED = """\
import sentri, sentri_testing, sys
sys.exit(not all(module.__file__.startswith(sys.prefix) for module in (sentri, sentri_testing)))
"""


def run(*command: str | Path, cwd: Path, **variables: str | Path) -> None:
    """Run a command that must succeed; its output is ours."""
    print("$", *(str(part).replace(tempfile.gettempdir(), "…") for part in command), flush=True)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=CLEAN_ENVIRONMENT | {name: str(value) for name, value in variables.items()},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    demand(done.returncode == 0, f"that ended with {done.returncode}")


def demand(condition: object, otherwise: str) -> None:
    """Stop with the reason."""
    if not condition:
        sys.exit(f"test_wheel: {otherwise}")


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def examine(sdist: Path, wheel: Path) -> None:
    """Both hold the migrations, the type markers and the license, and nothing that is not for users."""
    with tarfile.open(sdist) as archive:
        source = [name.split("/", 1)[1] for name in archive.getnames()]
    with zipfile.ZipFile(wheel) as archive:
        installed = archive.namelist()
    for kind, names, migrations in (("sdist", source, "migrations"), ("wheel", installed, "sentri/migrations")):
        for dialect in DIALECTS:
            pattern = re.compile(rf"{migrations}/{dialect}/sentri/\d+_.*\.py")
            demand(any(map(pattern.fullmatch, names)), f"the {kind} has no migrations for {dialect}")
        for package in ("sentri", "sentri_testing"):
            demand(f"{package}/py.typed" in names, f"the {kind} has no {package}/py.typed")
        demand(any(name.endswith("LICENSE") for name in names), f"the {kind} has no LICENSE")
        unwanted = [n for n in names if "__pycache__" in n or n.endswith((".pyc", ".db")) or n.startswith("tests")]
        demand(not unwanted, f"the {kind} holds {unwanted}")
    expected = ("sentri/", "sentri_testing/", "sentri_auth-")
    strangers = [name for name in installed if not name.startswith(expected)]
    demand(not strangers, f"the wheel would install {strangers}")


def environment(folder: Path) -> Path:
    """An empty environment; returns its scripts' folder."""
    venv.create(folder / "venv", with_pip=True)
    return folder / "venv" / ("Scripts" if os.name == "nt" else "bin")


def test_installing(page: str, wheel: Path, scripts: Path) -> None:
    """Run the line with `pip install` of a page, where pip finds the wheel."""
    [line] = re.findall(r"^pip install (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    python = scripts / "python"
    arguments = shlex.split(line, comments=True)
    links = f"{wheel.parent} {CLEAN_ENVIRONMENT.get('PIP_FIND_LINKS', '')}".strip()
    run(python, *PIP, "install", "-qq", *arguments, cwd=wheel.parent, PIP_FIND_LINKS=links, PIP_CONSTRAINT=PINS)
    run(python, *PIP, "check", cwd=wheel.parent)


@contextmanager
def served(scripts: Path, database: str, folder: Path) -> Iterator[str]:
    """The address of a running `sentri serve`."""
    command = [str(scripts / "sentri"), "serve", "--port", "0", "--database-url", database]
    print("$", "sentri", *command[1:], flush=True)
    environment = CLEAN_ENVIRONMENT | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as server:
        too_late = threading.Timer(START_TIMEOUT, server.kill)
        too_late.start()
        try:
            yield address_in(server.stdout or [])
        finally:
            too_late.cancel()
            server.terminate()
            server.wait(timeout=START_TIMEOUT)
    demand(server.returncode == 0, f"`sentri serve`, asked to stop, ended with {server.returncode}")


def address_in(lines: Any) -> str:
    """The address that the server prints once it listens."""
    for line in lines:
        print("  ", line.rstrip(), flush=True)
        if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", line):
            return found[0]
    sys.exit(f"test_wheel: `sentri serve` ended, or printed no address within {START_TIMEOUT} s")


def call(url: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    """The `data` of the answer; an error status raises."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"} | headers,
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=START_TIMEOUT) as response:
        return json.load(response)["data"]


def use(auth: str) -> None:
    """Register, log in, and ask who one is."""
    credentials = {"identifier": "ada@example.com", "password": "correct horse battery"}
    call(f"{auth}/register", credentials)
    token = call(f"{auth}/login", credentials)["accessToken"]
    me = call(f"{auth}/me", Authorization=f"Bearer {token}")
    demand(me["identifier"] == credentials["identifier"], f"GET /me answered {me}")


def test_consumer(scripts: Path, folder: Path) -> None:
    """Run the tests of an application that has nothing but the wheel, away from the checkout."""
    python = scripts / "python"
    run(python, *PIP, "install", "-qq", "--constraint", PINS, "pytest-xdist", cwd=folder)
    no_caches = shutil.ignore_patterns("__pycache__", ".*")
    copy = Path(shutil.copytree(CONSUMER, folder / "consumer", ignore=no_caches))
    run(python, "-c", INSTALLED, cwd=copy)
    for processes in ((), ("--numprocesses", "2")):
        run(python, "-m", "pytest", "-q", *processes, cwd=copy)


def test_tutorial(wheel: Path) -> None:
    """Follow it on a machine that has this wheel and no checkout."""
    followed = "tests/docs/test_tutorial.py"
    servers = {name: value for name, value in os.environ.items() if name.startswith("SENTRI_TEST_")}
    run(sys.executable, "-m", "pytest", "-q", "-rs", followed, cwd=ROOT, **servers, SENTRI_TEST_WHEEL=wheel)


def main() -> None:
    """Build, examine, install, use, and test what uses it."""
    with tempfile.TemporaryDirectory(prefix="sentri-wheel-") as name:
        folder = Path(name)
        sdist, wheel = build(folder)
        examine(sdist, wheel)
        scripts = environment(folder)
        test_installing("README.md", wheel, scripts)
        empty = folder / "empty"
        empty.mkdir()
        run(scripts / "python", "-c", "import sentri, sentri_testing; print(sentri.__file__)", cwd=empty)
        test_installing("docs/command-line.md", wheel, scripts)
        database = "sqlite://wheel.db"
        run(scripts / "sentri", "migrate", "--database-url", database, cwd=empty)
        demand((empty / "wheel.db").stat().st_size, "`sentri migrate` left the database empty")
        with served(scripts, database, empty) as address:
            use(f"{address}/auth")
        test_installing("docs/testing.md", wheel, scripts)
        test_consumer(scripts, folder)
        test_tutorial(wheel)
    print(f"{wheel.name}: built, installed, migrated, served; examples/consumer passes, and the tutorial works.")


if __name__ == "__main__":
    main()
