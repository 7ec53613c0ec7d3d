"""PostgreSQL of a test's own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sentri.config.database import Database as DatabaseOptions
from tests.faults.service import Service, mount, own, program, user_of_service


class Postgres(Service):
    """PostgreSQL, with `fsync`, so that what it acknowledged is there after `kill`."""

    dialect = "postgres"
    stopping = signal.SIGINT  # "fast": it does not wait for clients to leave

    def __init__(self) -> None:
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self._folders = [str(version) for version in versions]
        self._server = program("postgres", *self._folders)
        self._psql = program("psql", *self._folders)
        super().__init__()

    @property
    def options(self) -> DatabaseOptions:
        return DatabaseOptions(
            dialect="postgres", host="127.0.0.1", port=self.port, user="sentri", database="sentri", max=10
        )

    def install(self) -> None:
        own(self.folder, "postgres")
        initdb = (program("initdb", *self._folders), "--no-sync", "--auth=trust", "--username=admin")
        command = [*user_of_service("postgres"), *initdb, "--wal-segsize=1", "--pgdata", str(self.folder / "data")]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, env=self._environment)

    def prepare(self) -> None:
        self.small.mkdir()
        mount(self.small, 24)
        own(self.small, "postgres")
        self.administer(
            "CREATE ROLE sentri LOGIN",
            f"CREATE TABLESPACE small LOCATION '{self.small}'",
            "CREATE DATABASE sentri OWNER sentri TABLESPACE small",
        )

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "max_connections": str(self.connections),
            "fsync": "on",
            "shared_buffers": "16MB",
            "unix_socket_directories": str(self.folder),
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        data = str(self.folder / "data")
        return [*user_of_service("postgres"), self._server, "-D", data, "-p", str(self.port), *given]

    def answers(self) -> bool:
        return self._psql_run("SELECT 1").returncode == 0

    def administer(self, *statements: str) -> None:
        for statement in statements:
            done = self._psql_run(statement)
            assert done.returncode == 0, done.stderr

    def read_only(self, *, on: bool) -> None:
        self.administer(
            f"ALTER ROLE sentri SET default_transaction_read_only = {'on' if on else 'off'}",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sentri'",
        )

    def _psql_run(self, statement: str) -> subprocess.CompletedProcess[str]:
        command = [self._psql, "-XqAt", "-h", str(self.folder), "-p", str(self.port), "-U", "admin", "postgres"]
        return subprocess.run(
            [*command, "-c", statement], capture_output=True, text=True, check=False, env=self._environment
        )

    @property
    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
