"""Commands in processes of their own that need not import everything anew: each is forked from one that has.

    python -m tests.cli.forking SOCKET     is that process, until its standard input ends
    Forked(folder).run(…)                  runs a command, as `subprocess.run` does

Most of what a command takes is the import of aiohttp, Tortoise and cryptography, which is half a second of a processor.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["Forked"]

ROOT: Final = Path(__file__).parents[2]
_MODULES: Final = (
    "argon2",
    "sentri.cli.program",
    "sentri.creating",
    "sentri.server.auth",
    "sentri.storage.drivers.mysql",
    "sentri.storage.drivers.postgres",
    "sentri.storage.drivers.sqlite",
)


class Forked:
    """Runs `sentri` in forks of a process that has imported it."""

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / "commands")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forking", self._address],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith(("SENTRI_", "PYTHON"))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        ready = self._process.stdout.readline()
        assert ready == b"ready\n", ready

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], stdin: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """The command's exit code and what it wrote. Raises `TimeoutExpired` after so many seconds."""
        given, giving = os.pipe()
        with (
            socket.socket(socket.AF_UNIX) as asked,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
        ):
            asked.settimeout(timeout)
            asked.connect(self._address)
            request = json.dumps({"arguments": list(arguments), "folder": str(folder), "environment": environment})
            socket.send_fds(asked, [b"!"], [given, stdout.fileno(), stderr.fileno()])
            asked.sendall(request.encode() + b"\n")
            os.close(given)
            with os.fdopen(giving, "wb") as pipe:
                pipe.write(stdin)  # no more than a pipe takes
            (process,) = _number(asked)
            try:
                (code,) = _number(asked)
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(arguments, timeout) from None
            for file in (stdout, stderr):
                file.seek(0)
            return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())


def _number(asked: socket.socket) -> array.array[int]:
    return array.array("i", asked.recv(4, socket.MSG_WAITALL))


def _serve(address: str) -> None:
    """Fork for everybody who connects, until standard input ends. In the fork it returns."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listening in (ready := select.select([listening, 0], [], [])[0]) or not ready:
            connection, _ = listening.accept()
            if os.fork() == 0:
                break
            connection.close()
        else:
            sys.exit()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _take(connection)


def _take(connection: socket.socket) -> None:
    """Become the command that was asked for; the process in between tells how it ended."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as lines:
        request = json.loads(lines.readline())
    command = os.fork()
    if command:
        for stream in streams:
            os.close(stream)
        connection.sendall(array.array("i", [command]))
        _, status = os.waitpid(command, 0)
        connection.sendall(array.array("i", [os.waitstatus_to_exitcode(status)]))
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]
    sys.argv = ["sentri", *request["arguments"]]


def _main() -> None:
    for module in _MODULES:
        importlib.import_module(module)
    gc.freeze()  # else every fork copies what its collector looks through
    _serve(sys.argv[1])
    from sentri.cli import main  # noqa: PLC0415 - in the command's own process

    main()


if __name__ == "__main__":
    _main()
