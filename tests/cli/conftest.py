"""The real command line, in processes of its own and in a folder of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sentri.config.database import Database as DatabaseOptions
from tests.cli.forking import Forked

ROOT = Path(__file__).parents[2]
_READ_AT_THE_START = {"PYTHONIOENCODING", "PYTHONUTF8", "LANG", "LC", "TZ"}
"""What an interpreter asks before its first line, so that a fork is too late for it."""
PATIENCE = 60  # seconds, on a machine that does much else


class Serving:
    """A running `sentri serve`.

    Attributes:
        process: to send signals to.
        said: what it printed when it listened.
        url: where the endpoints are.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path, until: str) -> None:
        self.process = process
        self._log = log
        self.said = self._read_until(until)
        self.url = re.search(r"http://[^\s\"]+", self.said)[0]

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return self._log.read_text()

    def lines_to_try(self) -> str:
        """The three lines for a shell."""
        self._read_until('$TOKEN"\n')
        return self.said.partition("Try it:\n\n")[2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=PATIENCE)[0]
        return self.process.returncode

    def call(self, path: str, body: Any = None, **headers: str) -> Any:
        """The answer's JSON; an error status raises."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.url}{path}" if path != "/" else self.url.removesuffix("auth")
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as response:
            return json.load(response)

    def _read_until(self, text: str) -> str:
        too_late = threading.Timer(PATIENCE, self.process.kill)
        too_late.start()
        said = getattr(self, "said", "")
        while text not in said:
            line = self.process.stdout.readline()
            assert line, f"`sentri serve` ended: {self.log}"
            said += line
        too_late.cancel()
        self.said = said
        return said


class CommandLine:
    """`sentri`, as a user with an empty environment runs it in an empty folder."""

    def __init__(self, folder: Path, forked: Forked | None = None) -> None:
        self.folder = folder
        self._forked = forked
        self._count = 0

    def __call__(
        self, *arguments: str, stdin: str = "", decoding: str = "utf-8", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        if self._forked is not None and not _READ_AT_THE_START & {name.partition("_")[0] for name in variables}:
            done = self._forked.run(
                arguments,
                folder=self.folder,
                environment=self.environment(variables),
                stdin=stdin.encode(decoding),
                timeout=PATIENCE,
            )
            done.stdout, done.stderr = done.stdout.decode(decoding), done.stderr.decode(decoding)
            return done
        return self._run(self.command(*arguments), variables, input=stdin, encoding=decoding)

    def closing(self, stream: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with its `stdin` or `stdout` closed."""
        redirect = {"stdin": "<&-", "stdout": ">&-"}[stream]
        return self._run(["/bin/sh", "-c", f'exec "$@" {redirect}', "sh", *self.command(*arguments)], {}, text=True)

    def _run(
        self, command: Sequence[str], variables: Mapping[str, str], **how: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(variables),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            **how,
        )

    @contextmanager
    def serve(self, *arguments: str, until: str = "\n  keys ", **variables: str) -> Iterator[Serving]:
        """`sentri serve` on a free port, from when it listens."""
        self._count += 1
        log = self.folder / f"{self._count}.log"
        command = self.command("serve", "--port", "0", *arguments)
        with (
            log.open("w") as stderr,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            ) as process,
        ):
            try:
                yield Serving(process, log, until)
            finally:
                process.kill()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "sentri", *arguments]

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("SENTRI_", "PYTHON")) and "proxy" not in k.lower()
        }
        return kept | {"PYTHONPATH": str(ROOT)} | variables


class Terminal:
    """A command with a terminal of its own."""

    def __init__(self, sentri, *arguments: str) -> None:
        self.shown = ""
        self._seen = 0
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(sentri.folder)
            command = sentri.command(*arguments)
            os.execve(command[0], command, sentri.environment({}))

    def until(self, text: str) -> None:
        """Read on until it shows the text."""
        while text not in self.shown[self._seen :]:
            assert self._read(), self.shown
        self._seen = self.shown.index(text, self._seen) + len(text)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, and once more where nothing happens, as anybody would: who begins to read, as readline does, does
        not hear of a signal in the moment before it waits.
        """
        self.type("\x03")
        if not self._ends(within=5):
            self.type("\x03")

    def _ends(self, within: float) -> bool:
        """Whether it shows its last within so many seconds."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0] and not self._read():
                return True
        return False

    def end(self) -> int:
        """Its exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._master)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        assert ready, self.shown
        try:
            more = os.read(self._master, 1000).decode()
        except OSError:  # Linux: the other side is closed
            return False
        self.shown += more
        return bool(more)


@pytest.fixture
def terminal(sentri):
    """A terminal that is killed at the end of the test if it must be."""
    opened = []

    def open_(*arguments: str) -> Terminal:
        opened.append(Terminal(sentri, *arguments))
        return opened[-1]

    yield open_
    for each in opened:
        try:
            os.kill(each.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        os.waitpid(each.pid, 0)


@pytest.fixture(scope="session")
def forked(tmp_path_factory) -> Iterator[Forked]:
    """What commands are forked from."""
    forked = Forked(tmp_path_factory.mktemp("forked"))
    yield forked
    forked.close()


@pytest.fixture
def sentri(tmp_path, forked) -> CommandLine:
    """The command line in an empty folder."""
    return CommandLine(tmp_path, forked)


@pytest.fixture
def database_url(empty_database_options) -> str:
    """The URL of a database without tables, on each of the three."""
    return url_of(empty_database_options)


def url_of(options: DatabaseOptions) -> str:
    if options.dialect == "sqlite":
        return f"sqlite://{options.database}"
    secret = "" if options.password is None else f":{quote(options.password, safe='')}"
    user = "" if options.user is None else f"{quote(options.user, safe='')}{secret}@"
    return f"{options.dialect}://{user}{options.host}:{options.port}/{options.database}"


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """It ended with this exit code and one line that has the words."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    *_, line = done.stderr.strip().splitlines()
    assert line.startswith("Error: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in line
