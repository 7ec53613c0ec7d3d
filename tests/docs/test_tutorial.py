"""docs/tutorial.md, followed word for word: its files are written, its lines run in a shell, its answers compared.

What sets the environment up is left out, unless SENTRI_TEST_WHEEL names a wheel: then the tutorial makes its own, and
pip finds that wheel. `tools/test_wheel.py` does so.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.cli.conftest import url_of
from tests.docs.pages import ROOT

PAGE = "docs/tutorial.md"
PATIENCE = 60.0
WHEEL = os.environ.get("SENTRI_TEST_WHEEL")
SETTING_UP = ("mkdir notes", "python3 -m venv", ". .venv", "pip install")  # the environment of this suite has it all
SERVING = ("python3 app.py", "gunicorn ")


class Shell:
    """A terminal in a folder. What serves is left running, as in a terminal of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._serving: list[subprocess.Popen[str]] = []
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment_with(Path(WHEEL), folder) if WHEEL else environment_of_this_suite(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def folder(self) -> Path:
        """Where it is now."""
        return Path(self.run("pwd").strip())

    def run(self, block: str, expected: int = 0) -> str:
        """What a block prints, whose last command ends with the expected code."""
        lines = [line for line in block.splitlines() if WHEEL or not line.startswith(SETTING_UP)]
        servers = [line for line in lines if line.startswith(SERVING)]
        script = "\n".join(line for line in lines if line not in servers)
        self._shell.stdin.write(f"{self._here(script)}\nprintf '\\n--done %s\\n' $?\n")
        self._shell.stdin.flush()
        printed = []
        while not (line := self._shell.stdout.readline()).startswith("--done "):
            assert line, "the shell ended"
            printed.append(line)
        assert int(line.split()[1]) == expected, "".join(printed)
        for server in servers:
            self._serve(self._here(server))
        return "".join(printed).removesuffix("\n")

    def stop(self) -> None:
        """Ctrl-C for everything that serves; gunicorn passes it on, and must not be overtaken by one of ours."""
        for process in self._serving:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=PATIENCE)
            assert "Traceback" not in log, log
        self._serving = []

    def close(self) -> None:
        self.stop()
        with self._shell as shell:
            shell.stdin.close()

    def _here(self, text: str) -> str:
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")

    def _serve(self, line: str) -> None:
        environment = dict(
            entry.split("=", 1) for entry in self.run("env -0 | tr '\\0' '\\1'").split("\1") if "=" in entry
        )
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=environment["PWD"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._serving.append(process)
        deadline = monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.stderr.read()
            with suppress(OSError):  # gunicorn listens before its workers are there
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
                return
            assert monotonic() < deadline
            sleep(0.05)


def environment_of_this_suite() -> dict[str, str]:
    """The checkout, and what is installed beside it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRI_", "PYTEST_"))}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{kept['PATH']}", "PYTHONPATH": str(ROOT)}


def environment_with(wheel: Path, folder: Path) -> dict[str, str]:
    """A machine with Python alone, where pip takes that wheel, and else the versions that this suite has."""
    hidden = ("SENTRI_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    links = f"{wheel.parent} {kept.get('PIP_FIND_LINKS', '')}"
    pip = {"PIP_FIND_LINKS": links.strip(), "PIP_CONSTRAINT": str(ROOT / "requirements/dev.txt")}
    return kept | {"PATH": f"{folder / 'bin'}:{kept['PATH']}"} | pip


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def steps() -> Iterator[tuple[str, str]]:
    """Language and text of every block, in order."""
    yield from re.findall(r"```(\w+)\n(.*?)```", (ROOT / PAGE).read_text(), re.DOTALL)


def assert_printed(expected: str, printed: str) -> None:
    """`…` stands for what differs each time; alone on a line, for any lines. White space counts as one space."""
    lines, skipping = iter(printed.splitlines()), False
    for line in expected.splitlines():
        if line == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, _narrow(line).split("…"))))
        found = next(lines, None)
        while skipping and found is not None and not pattern.fullmatch(_narrow(found)):
            found = next(lines, None)
        assert found is not None, f"{line} is not in\n{printed}"
        assert pattern.fullmatch(_narrow(found)), f"{found}\nis not\n{line}"
        skipping = False


def _narrow(line: str) -> str:
    return " ".join(line.split())


@pytest.fixture
def shell(tmp_path) -> Iterator[Shell]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Shell(tmp_path, port)
    yield made
    made.close()


@pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
def test_the_tutorial_works_as_it_is_written(shell, tmp_path, empty_database_options, redis_client):
    """From the first file to four processes on PostgreSQL and Redis."""
    doctors = iter([3, 0])
    printed = ""
    for language, text in steps():
        if language == "text":
            assert_printed(text, printed)
        elif language == "sh":
            if "gunicorn " in text:
                shell.stop()
            expected = next(doctors) if "sentri doctor" in text else 0
            printed = shell.run(text, expected)
        else:
            write(shell.folder, text, shell.port)
            if "in make_auth" in text:  # "in the environment"
                shell.run(f"export SENTRI_DATABASE_URL={_quoted(url_of(empty_database_options))}")
                shell.run("export REDIS_URL=redis://127.0.0.1:6379/0")
    assert next(doctors, None) is None
    origin = Path(shell.run("python3 -c 'import sentri; print(sentri.__file__)'").strip())
    assert origin.is_relative_to(tmp_path / "notes/.venv" if WHEEL else ROOT)
    assert '"error":false' in shell.run(
        "curl -s http://127.0.0.1:8080/auth/register -H 'Content-Type: application/json' "
        '-d \'{"identifier": "ann", "password": "correct horse"}\''
    )


def write(folder: Path, text: str, port: int) -> None:
    """Write the file that the first line names, or change the function that it names."""
    heading, rest = text.split("\n", 1)
    name, _, function = heading.removeprefix("# ").partition(", in ")
    path = folder / name
    if not function:
        path.write_text(rest.lstrip("\n").replace("port=8080", f"port={port}"))
        return
    before, after = path.read_text().split(f"def {function}() -> AuthServer:\n")
    path.write_text(f"{before}def {function}() -> AuthServer:\n{rest}\n\n{after.split(chr(10) * 3, 1)[1]}")
