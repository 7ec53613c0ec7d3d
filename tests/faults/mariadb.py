"""MariaDB of a test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from sentri.config.database import Database as DatabaseOptions
from tests.faults.service import Service, mount, own, program, user_of_service


class Mariadb(Service):
    """MariaDB, with a flush for every commit, so that what it acknowledged is there after `kill`."""

    dialect = "mysql"

    def __init__(self) -> None:
        self._server = program("mariadbd")
        self._client = program("mariadb")
        super().__init__()

    @property
    def options(self) -> DatabaseOptions:
        return DatabaseOptions(
            dialect="mysql", host="127.0.0.1", port=self.port, user="sentri", password="sentri", database="sentri"
        )

    def install(self) -> None:
        own(self.folder, "mysql")
        install = (program("mariadb-install-db"), "--no-defaults", "--auth-root-authentication-method=normal")
        options = ("--skip-test-db", "--skip-name-resolve", f"--datadir={self.folder / 'data'}")
        command = [*user_of_service("mysql"), *install, *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def prepare(self) -> None:
        self.small.symlink_to(self.folder / "data" / "sentri")
        self.administer("CREATE DATABASE sentri CHARACTER SET utf8mb4")
        mount(self.small.resolve(), 24)
        own(self.small.resolve(), "mysql")
        self.administer("CREATE USER sentri@'%' IDENTIFIED BY 'sentri'", "GRANT ALL ON sentri.* TO sentri@'%'")

    def command(self) -> Sequence[str]:
        settings = {
            "datadir": self.folder / "data",
            "socket": self.folder / "socket",
            "pid-file": self.folder / "pid",
            "port": self.port,
            "extra-port": 0,
            "bind-address": "127.0.0.1",
            "max-connections": self.connections,
            "innodb-buffer-pool-size": "16M",
            "innodb-log-file-size": "8M",
            "innodb-flush-log-at-trx-commit": 1,
            "skip-name-resolve": "ON",
        }
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [*user_of_service("mysql"), self._server, "--no-defaults", *given]

    def answers(self) -> bool:
        return self._run("SELECT 1").returncode == 0

    def administer(self, *statements: str) -> None:
        for statement in statements:
            done = self._run(statement)
            assert done.returncode == 0, done.stderr

    def read_only(self, *, on: bool) -> None:
        self.administer(f"SET GLOBAL read_only = {int(on)}")

    def _run(self, statement: str) -> subprocess.CompletedProcess[str]:
        command = [self._client, "--no-defaults", f"--socket={self.folder / 'socket'}", "--user=root"]
        return subprocess.run([*command, "-e", statement], capture_output=True, text=True, check=False)
