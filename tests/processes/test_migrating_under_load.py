"""A migration yields to those who use its tables, and they to it."""

from __future__ import annotations

import asyncio
import time

import pytest

from sentri.storage import Database, Users, migrate, migration_files
from tests.processes.rolling import MIGRATION, next_version
from tests.storage.samples import a_user

pytestmark = pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)
READING = "SELECT identifier FROM sentri_users LIMIT 1"


@pytest.fixture
async def migrated(empty_database_options):
    opened = Database(empty_database_options)
    await opened.open()
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def newer(migrated, monkeypatch, tmp_path, dialect):
    """From here on there is one migration more."""
    folder = next_version(tmp_path, dialect)
    monkeypatch.setattr(migration_files, "__file__", str(folder / "sentri" / "storage" / "migration_files.py"))


async def test_a_long_transaction_is_in_the_way_of_the_migration_and_of_nobody_else(migrated, newer):
    """A report, a backup: the table cannot be changed while it reads; who comes later is served all the same."""
    reading, over = asyncio.Event(), asyncio.Event()

    async def report(session):
        await session.rows(READING)
        reading.set()
        await over.wait()

    reporting = asyncio.create_task(migrated.unit(report))
    await reading.wait()
    migrating = asyncio.create_task(migrate(migrated))
    waits = []
    for _ in range(4):
        began = time.monotonic()
        await migrated.call(lambda session: session.rows(READING))
        waits.append(time.monotonic() - began)
        await asyncio.sleep(0.4)
    assert max(waits) < 4  # and not the 60 s for which a migration is patient
    assert not migrating.done()
    over.set()
    await reporting
    assert await migrating == [MIGRATION]


async def test_what_was_prepared_before_a_column_became_wider_works_afterwards(migrated, newer):
    """Each connection of an older process has statements prepared; none of its requests fails."""
    users, user = Users(migrated), a_user()
    assert await users.add(user)
    assert await users.change_roles(user.id, lambda _: ("admin",))
    assert (await users.by_id(user.id)).roles == ("admin",)
    other = Database(migrated.options)
    await other.open()
    assert await migrate(other) == [MIGRATION]
    await other.close()
    assert await users.change_roles(user.id, lambda _: ("editor",))  # in a transaction, which no driver repeats
    assert (await users.by_key(user.identifier_key)).roles == ("editor",)
