"""A database server that a test may kill, freeze and fill: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sentri.config.database import Database as DatabaseOptions

PATIENCE = 60.0  # seconds, on a machine that does much else


def missing(reason: str) -> None:
    """Skip the test, or fail it where SENTRI_TEST_SERVICES asks for everything."""
    (pytest.fail if os.environ.get("SENTRI_TEST_SERVICES") == "required" else pytest.skip)(reason)


def program(name: str, *folders: str) -> str:
    """Where a program is, on the path or where the distribution puts it; skips the test where it is nowhere."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *folders])
    found = shutil.which(name, path=path)
    if found is None:
        missing(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(true: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Wait for something of another process."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, f"{what}: not within {within:g} s"
        time.sleep(0.02)


def mount(folder: Path, megabytes: int) -> bool:
    """Make the folder a file system of this size, if that is allowed: only root may."""
    size = f"size={megabytes}m"
    return not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False
    ).returncode


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], capture_output=True, check=False)


class Filler:
    """A file that takes all the room that is left in a small file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "filler"

    def fill(self) -> None:
        """Skips the test where the folder is part of a large one."""
        if not self._folder.is_mount():
            missing("no file system can be mounted here: a disk that is full needs root")
        with self._file.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def make_room(self) -> None:
        self._file.unlink(missing_ok=True)


class Service(ABC):
    """A server of databases.

    Attributes:
        port: where it listens, always the same.
        options: the database that sentri uses, of somebody without special rights.
        disk: takes the room away in which that database grows.
    """

    dialect: str
    connections = 40  # that it allows

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"sentri-{self.dialect}-"))
        self.folder.chmod(0o755)
        self.small = self.folder / "small"
        self.disk = Filler(self.small)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.install()
            self.start()
            self.prepare()
        except BaseException:
            self.remove()
            raise

    @property
    @abstractmethod
    def options(self) -> DatabaseOptions: ...

    @abstractmethod
    def install(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the user and the database, in `small`."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What runs it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes connections."""

    @abstractmethod
    def administer(self, *statements: str) -> None:
        """As its administrator, on a connection that does not count."""

    @abstractmethod
    def read_only(self, *, on: bool) -> None:
        """As a primary that became a replica."""

    def start(self) -> None:
        """Ready when this returns."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)
        until(self._answers_or_ended, f"{self.dialect} answers")
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]

    def stop(self) -> None:
        """As an administrator does it: connections are ended, everything is written."""
        self._process.send_signal(self.stopping)
        self._process.wait(PATIENCE)

    stopping = signal.SIGTERM

    def kill(self) -> None:
        """At once, with whatever it was doing."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def freeze(self) -> None:
        """It keeps its connections and says nothing more."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def processes(self) -> list[int]:
        """The server's own process first, then those that it started."""
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.kill()
        unmount(self.small)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers_or_ended(self) -> bool:
        return self._process.poll() is not None or self.answers()


def user_of_service(name: str) -> Sequence[str]:
    """What a command begins with so that it runs as the service's user: no server runs as root."""
    if os.geteuid() != 0:
        return ()
    return (program("setpriv"), f"--reuid={name}", f"--regid={name}", "--init-groups")


def own(folder: Path, name: str) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, name, name)
