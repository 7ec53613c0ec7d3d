"""A SQLite file that is full, locked or taken away while people use sentri: as `test_databases.py` has it."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from sentri.config.database import Database as DatabaseOptions
from tests.databases import chosen
from tests.faults.service import Filler, mount, unmount
from tests.faults.stage import Stage


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Iterator[Path]:
    """A file system of its own, where that is allowed."""
    folder = tmp_path_factory.mktemp("small")
    mount(folder, 4)
    yield folder
    unmount(folder)


@pytest.fixture(scope="module")
def stage(small) -> Iterator[Stage]:
    chosen("sqlite")
    made = Stage(DatabaseOptions(dialect="sqlite", database=str(small / "auth.db")), proxied=False)
    yield made
    made.close()


@asynccontextmanager
async def full(stage) -> AsyncIterator[None]:
    """There is no room on the disk."""
    filler = Filler(Path(stage.options.database).parent)
    filler.fill()
    yield
    filler.make_room()


@asynccontextmanager
async def limited(stage) -> AsyncIterator[None]:
    """The process may not write so large a file: what a quota says, and nobody has to be root for it."""
    server = stage.server.process.pid
    before = resource.prlimit(server, resource.RLIMIT_FSIZE)
    resource.prlimit(server, resource.RLIMIT_FSIZE, (16384, before[1]))
    yield
    resource.prlimit(server, resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def locked(stage) -> AsyncIterator[None]:
    """Another process writes for longer than anybody waits."""
    with closing(sqlite3.connect(stage.options.database, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 30000")
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def moved_away(stage) -> AsyncIterator[None]:
    """The file is under another name. What is written to it now, nobody will find."""
    file = Path(stage.options.database)
    file.rename(file.with_suffix(".old"))  # noqa: ASYNC240 - at once
    yield
    file.with_suffix(".old").rename(file)


@asynccontextmanager
async def replaced(stage) -> AsyncIterator[None]:
    """Another file has its name: an older state, or that of somebody else."""
    file = Path(stage.options.database)
    file.rename(file.with_suffix(".old"))  # noqa: ASYNC240 - at once
    shutil.copyfile(file.with_suffix(".old"), file)
    yield
    file.with_suffix(".old").rename(file)


FAULTS = [full, limited, locked, moved_away, replaced]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_survives_a_file_that_is(stage, fault):
    phase = fault.__name__
    async with stage.traffic() as traffic:
        traffic.phase = phase
        async with fault(stage):
            await traffic.answers(10, within=30, status=503)
        await stage.recovers(traffic)
        traffic.phase = "healthy"
        await traffic.answers(30, within=10)
        await traffic.end()
        await stage.has_its_pool(traffic)
    await stage.check(phase)


async def test_lets_people_in_while_the_disk_is_full(stage):
    """To look at a session needs no room."""
    async with stage.traffic() as traffic:
        await traffic.end()
        traffic.phase = "full"
        async with limited(stage):
            looks = [traffic.ask("protected", "GET", "/profile", token=traffic.admin) for _ in range(10)]
            assert [status for status, _ in await asyncio.gather(*looks)] == [200] * 10
