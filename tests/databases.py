"""Databases for tests: a pytest plugin.

    database_options          where a migrated, empty database is; the test runs on sqlite, postgres and mysql
    database                  that database, opened
    empty_database_options    a database without any table
    make_database_options     more migrated databases of the same dialect, for tests that need several

One database a dialect and test process is made once and emptied before each test. Where a server does not run,
its tests are skipped; with SENTRI_TEST_SERVICES=required they fail. SENTRI_TEST_POSTGRES and SENTRI_TEST_MYSQL
are the URLs of somebody who may create databases; SENTRI_TEST_DATABASES (`sqlite,postgres`) chooses among the three.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sentri import models
from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import Dialect, read_database
from sentri.errors import SentriError
from sentri.storage import Database, migrate

T = TypeVar("T")
ALL: tuple[Dialect, ...] = ("sqlite", "postgres", "mysql")
CHOSEN = os.environ.get("SENTRI_TEST_DATABASES", ",".join(ALL)).split(",")
# Those that point at others first.
TABLES = [
    model.describe()["table"]
    for model in sorted(
        (getattr(models, name) for name in models.__all__), key=lambda model: not model.describe()["fk_fields"]
    )
]
SERVERS = {
    "postgres": os.environ.get("SENTRI_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres"),
    "mysql": os.environ.get("SENTRI_TEST_MYSQL", "mysql://root@127.0.0.1:3306/mysql"),
}


@pytest.fixture(params=ALL)
def dialect(request) -> Dialect:
    """Each of the three, unless the test says otherwise with `indirect` parameters."""
    return chosen(request.param)


def chosen(dialect: Dialect) -> Dialect:
    """The dialect; skips the test where SENTRI_TEST_DATABASES leaves it out."""
    if dialect not in CHOSEN:
        pytest.skip(f"SENTRI_TEST_DATABASES leaves {dialect} out")
    return dialect


@pytest.fixture
def database_options(dialect, _keepers) -> DatabaseOptions:
    """A migrated database without rows."""
    return _keepers(dialect).clean()


@pytest.fixture
async def database(database_options) -> AsyncIterator[Database]:
    """`database_options`, opened."""
    opened = Database(database_options)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def empty_database_options(dialect, _keepers) -> Iterator[DatabaseOptions]:
    """A new database without tables."""
    keeper = _keepers(dialect)
    options = keeper.create()
    yield options
    keeper.drop(options)


@pytest.fixture
def make_database_options(dialect, _keepers) -> Iterator[Callable[[], DatabaseOptions]]:
    """Makes migrated databases of the same dialect, all different."""
    keeper = _keepers(dialect)
    made = []

    def make() -> DatabaseOptions:
        made.append(keeper.create_migrated())
        return made[-1]

    yield make
    for options in made:
        keeper.drop(options)


@pytest.fixture(scope="session")
def _keepers(tmp_path_factory) -> Iterator[Callable[[Dialect], Keeper]]:
    loop = Loop()
    keepers: dict[Dialect, Keeper | str] = {}

    def keeper_of(dialect: Dialect) -> Keeper:
        if dialect not in keepers:
            try:
                keepers[dialect] = Keeper(dialect, loop, tmp_path_factory.mktemp("databases"))
            except SentriError as error:
                keepers[dialect] = f"{dialect} does not run here: {error}"
        found = keepers[dialect]
        if isinstance(found, str):
            required = os.environ.get("SENTRI_TEST_SERVICES") == "required"
            (pytest.fail if required else pytest.skip)(found)
        return found

    yield keeper_of
    for keeper in keepers.values():
        if isinstance(keeper, Keeper):
            keeper.close()
    loop.close()


class Loop:
    """An event loop in a thread, for databases that outlive a test's own loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Keeper:
    """Makes, empties and drops the databases of one dialect."""

    def __init__(self, dialect: Dialect, loop: Loop, folder: Path) -> None:
        self._dialect = dialect
        self._loop = loop
        self._folder = folder
        self._server = None if dialect == "sqlite" else read_database(SERVERS[dialect])
        self._admin = self._open(self._server) if self._server else None
        self._template: DatabaseOptions | None = None
        self._kept: Database | None = None

    def clean(self) -> DatabaseOptions:
        """The kept database, emptied; for SQLite a copy of a migrated file."""
        if self._dialect == "sqlite":
            return self.create_migrated()
        if self._kept is None:
            self._kept = self._open(self.create_migrated())
        try:
            self._loop.run(self._kept.call(self._empty))
        except SentriError:  # some test holds a lock for ever: leave it behind
            self._abandon()
            return self.clean()
        return self._kept.options

    def create(self) -> DatabaseOptions:
        """A new database without tables."""
        name = f"sentri_test_{os.getpid()}_{secrets.token_hex(4)}"
        if self._server is None:
            return DatabaseOptions(dialect="sqlite", database=str(self._folder / f"{name}.db"))
        self._administer(f"CREATE DATABASE {name}")
        return replace(self._server, database=name)

    def create_migrated(self) -> DatabaseOptions:
        """A new database with sentri's tables."""
        if self._dialect != "mysql" and self._template is None:
            self._template = self.create()
            self._migrate(self._template)
        options = self.create() if self._dialect != "postgres" else self._copy_template()
        if self._dialect == "sqlite":
            shutil.copyfile(self._template.database, options.database)
        elif self._dialect == "mysql":
            self._migrate(options)
        return options

    def drop(self, options: DatabaseOptions) -> None:
        if self._server is None:
            for file in self._folder.glob(f"{Path(options.database).name}*"):
                file.unlink()
            return
        force = " WITH (FORCE)" if self._dialect == "postgres" else ""
        self._administer(f"DROP DATABASE IF EXISTS {options.database}{force}")

    def close(self) -> None:
        if self._kept is not None:
            self._abandon()
        if self._template is not None:
            self.drop(self._template)
        if self._admin is not None:
            self._loop.run(self._admin.close())

    def _abandon(self) -> None:
        self._loop.run(self._kept.close())
        self.drop(self._kept.options)
        self._kept = None

    def _copy_template(self) -> DatabaseOptions:
        name = f"sentri_test_{os.getpid()}_{secrets.token_hex(4)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {self._template.database}")
        return replace(self._server, database=name)

    def _migrate(self, options: DatabaseOptions) -> None:
        database = self._open(options)
        self._loop.run(migrate(database))
        self._loop.run(database.close())

    def _open(self, options: DatabaseOptions) -> Database:
        database = Database(replace(options, max=1), timeout=30)
        self._loop.run(database.open())
        return database

    def _administer(self, statement: str) -> None:
        self._loop.run(self._admin.call(lambda session: session.run(statement)))

    async def _empty(self, session) -> None:
        """One round trip where the driver allows it."""
        if self._dialect == "postgres":
            await session.run(
                "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL synchronous_commit = off;"
                f" {'; '.join(f'DELETE FROM {table}' for table in TABLES)}; COMMIT"
            )
            return
        await session.run("SET innodb_lock_wait_timeout = 2")
        for table in TABLES:
            await session.run(f"DELETE FROM {table}")
