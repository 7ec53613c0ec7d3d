"""`migrate` is safe in any number of processes, beside a host's own migrations, and when it is killed."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sentri.errors import ConfigurationError
from sentri.storage import Database, Users, migrate, migration_files
from sentri.storage.failures import StorageError
from tests.storage.samples import a_user

HERE = Path(__file__).parent
MIGRATIONS = HERE.parent.parent / "migrations"
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()",
    "mysql": "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()",
}
OURS = {"aerich", "sentri_keys", "sentri_known_addresses", "sentri_sessions", "sentri_users"}
only = {name: pytest.mark.parametrize("dialect", [name], indirect=True) for name in ("sqlite", "postgres", "mysql")}


@pytest.fixture
async def empty_database(empty_database_options):
    opened = Database(empty_database_options)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def every_migration(dialect):
    return sorted(file.name for file in (MIGRATIONS / dialect / "sentri").glob("[0-9]*.py"))


async def read(database, sql, *values):
    return await database.call(lambda session: session.rows(database.driver.sql(sql), *values))


async def tables(database):
    return {row["name"] for row in await read(database, TABLES[database.dialect])}


async def recorded(database, app="sentri"):
    return [row["version"] for row in await read(database, "SELECT version FROM aerich WHERE app = ? ORDER BY id", app)]


class Process:
    """A python process with one of our scripts."""

    def __init__(self, script, *arguments) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def hears(self) -> str:
        return self._process.stdout.readline().strip()

    def go(self) -> None:
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def migrating(options, *flags) -> Process:
    return Process("migrating_process.py", json.dumps(asdict(options)), *flags)


async def test_makes_the_tables_once(empty_database, every_migration):
    assert await migrate(empty_database) == every_migration
    assert await migrate(empty_database) == []
    assert await tables(empty_database) == OURS
    assert await recorded(empty_database) == every_migration
    assert await Users(empty_database).add(a_user())


async def test_many_at_once_in_one_process_apply_once(empty_database_options, every_migration):
    databases = [Database(empty_database_options) for _ in range(5)]
    await asyncio.gather(*(database.open() for database in databases))
    applied = await asyncio.gather(*(migrate(database) for database in databases))
    assert sorted(applied) == [[]] * 4 + [every_migration]
    await asyncio.gather(*(database.close() for database in databases))


def test_of_ten_processes_one_applies_and_stock_aerich_agrees(empty_database_options, dialect, every_migration):
    processes = [migrating(empty_database_options) for _ in range(10)]
    try:
        assert [process.hears() for process in processes] == ["ready"] * 10
        for process in processes:
            process.go()
        applied = [json.loads(process.hears()) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.__exit__()
    assert sorted(applied) == [[]] * 9 + [every_migration]
    options = json.dumps(asdict(empty_database_options))
    with Process("aerich_process.py", options, str(MIGRATIONS / dialect)) as aerich:
        assert json.loads(aerich.hears()) == [[], [], every_migration]


async def test_a_killed_process_leaves_no_lock_and_the_next_completes(empty_database_options, every_migration):
    """SIGKILL after the first statement, while another process waits for the lock."""
    with migrating(empty_database_options, "--stop") as killed, migrating(empty_database_options) as waiting:
        assert (killed.hears(), waiting.hears()) == ("ready", "ready")
        killed.go()
        assert killed.hears() == "holding"
        waiting.go()
        await asyncio.sleep(0.2)
        killed.kill()
        assert json.loads(await asyncio.to_thread(waiting.hears)) == every_migration
    database = Database(empty_database_options)
    await database.open()
    assert await tables(database) == OURS
    assert await recorded(database) == every_migration
    assert await migrate(database) == []
    await database.close()


async def test_leaves_a_hosts_aerich_table_and_its_rows_alone(empty_database, every_migration):
    """One database, two applications with migrations of their own, told apart by `app`."""
    await migrate(empty_database)
    insert = empty_database.driver.sql("INSERT INTO aerich (version, app, content) VALUES (?, ?, ?)")
    drop = [
        *(f"DROP TABLE sentri_{name}" for name in ("known_addresses", "sessions", "users", "keys")),
        "DELETE FROM aerich",
    ]
    for statement in drop:
        await empty_database.call(lambda session, sql=statement: session.run(sql))
    await empty_database.call(lambda session: session.run(insert, every_migration[0], "models", "{}"))
    assert await migrate(empty_database) == every_migration
    assert await recorded(empty_database, "models") == [every_migration[0]]


async def test_a_newer_database_is_left_alone_with_a_warning(database, caplog):
    """During a deploy an older process starts beside a newer one."""
    insert = database.driver.sql("INSERT INTO aerich (version, app, content) VALUES (?, ?, ?)")
    delete = database.driver.sql("DELETE FROM aerich WHERE version = ?")
    await database.call(lambda session: session.run(insert, "99_20991231000000_later.py", "sentri", "{}"))
    try:
        with caplog.at_level(logging.WARNING, logger="sentri"):
            assert await migrate(database) == []
    finally:
        await database.call(lambda session: session.run(delete, "99_20991231000000_later.py"))
    assert caplog.messages == [
        "the database has migrations that this version of sentri does not know: 99_20991231000000_later.py"
    ]


async def test_an_installation_without_migrations_says_so(empty_database, monkeypatch, tmp_path):
    module = tmp_path / "package" / "storage" / "migration_files.py"
    monkeypatch.setattr(migration_files, "__file__", str(module))
    with pytest.raises(ConfigurationError, match=r"migrations for \w+ are missing"):
        await migrate(empty_database)
    (tmp_path / "migrations" / empty_database.dialect / "sentri").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="there are no migrations in"):
        await migrate(empty_database)
    assert await tables(empty_database) == set()


@pytest.fixture
def faulty_migration(monkeypatch, tmp_path, dialect):
    """A second migration whose second statement fails; gives the function that repairs it."""
    good, bad = "CREATE TABLE IF NOT EXISTS sentri_extra (id INT);", "ALTER TABLE sentri_nothing ADD x INT;"
    template = "MODELS_STATE = 'eJyrrgUAAXUA+Q=='\nasync def upgrade(db):\n    return '''{sql}'''\n"
    folder = tmp_path / "migrations" / dialect / "sentri"
    folder.mkdir(parents=True)
    for file in (MIGRATIONS / dialect / "sentri").glob("[0-9]*.py"):
        (folder / file.name).write_text(file.read_text())
    faulty = folder / "77_20991231000000_faulty.py"
    faulty.write_text(template.format(sql=good + bad))
    monkeypatch.setattr(migration_files, "__file__", str(tmp_path / "sentri" / "storage" / "migration_files.py"))
    return lambda: faulty.write_text(template.format(sql=good))


async def test_a_migration_that_fails_can_be_repaired_and_run_again(empty_database, faulty_migration, every_migration):
    """PostgreSQL and SQLite undo everything; MySQL keeps what it had committed, and can repeat it."""
    with pytest.raises(StorageError):
        await migrate(empty_database)
    left = await tables(empty_database)
    assert left == (OURS | {"sentri_extra"} if empty_database.dialect == "mysql" else set())
    faulty_migration()
    applied = await migrate(empty_database)
    assert applied[-1] == "77_20991231000000_faulty.py"
    assert await tables(empty_database) == OURS | {"sentri_extra"}
    assert await recorded(empty_database) == [*every_migration, "77_20991231000000_faulty.py"]


async def test_what_a_killed_process_had_done_is_not_in_the_way(empty_database, dialect, monkeypatch, tmp_path):
    """Also where DDL commits: columns, indexes and tables that are there, or gone, already."""
    changes = [
        "ALTER TABLE sentri_users ADD extra INT;",
        "CREATE INDEX idx_extra ON sentri_users (extra);",
        "ALTER TABLE sentri_users DROP COLUMN disabled_at;",
        "CREATE TABLE sentri_extra (id INT);",
    ]
    await migrate(empty_database)
    folder = tmp_path / "migrations" / dialect / "sentri"
    folder.mkdir(parents=True)
    text = f"MODELS_STATE = 'eJyrrgUAAXUA+Q=='\nasync def upgrade(db):\n    return '{''.join(changes)}'\n"
    (folder / "1_20991231000000_more.py").write_text(text)
    monkeypatch.setattr(migration_files, "__file__", str(tmp_path / "sentri" / "storage" / "migration_files.py"))
    for statement in changes if dialect == "mysql" else ():
        await empty_database.call(lambda session, sql=statement: session.run(sql))
    assert await migrate(empty_database) == ["1_20991231000000_more.py"]
    await read(empty_database, "SELECT extra FROM sentri_users")
    assert await tables(empty_database) == OURS | {"sentri_extra"}


async def test_goes_down_again(empty_database, dialect):
    """The downgrades, which people run with Aerich, leave nothing of ours."""
    await migrate(empty_database)
    for file in sorted((MIGRATIONS / dialect / "sentri").glob("[0-9]*.py"), reverse=True):
        module = migration_files._module(file)  # noqa: SLF001
        for statement in migration_files.statements(await module.downgrade(None)):
            await empty_database.call(lambda session, sql=statement: session.run(sql))
    assert await tables(empty_database) == {"aerich"}


@only["postgres"]
async def test_makes_the_schema_that_was_named(empty_database_options, every_migration):
    database = Database(replace(empty_database_options, schema="Own Schema"))
    await database.open()
    assert await migrate(database) == every_migration
    assert await migrate(database) == []
    assert await tables(database) == OURS
    named = await read(database, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'sentri%'")
    assert [row["schemaname"] for row in named] == ["Own Schema"]
    assert await Users(database).add(a_user())
    await database.close()


@only["mysql"]
async def test_the_columns_on_mysql_are_what_the_stores_rely_on(database):
    sql = (
        "SELECT CONCAT(table_name, '.', column_name) AS name, column_type AS kind, collation_name AS collation"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    columns = {row["name"]: (row["kind"], row["collation"]) for row in await read(database, sql)}
    assert columns["sentri_users.identifier_key"] == ("varbinary(1020)", None)
    assert columns["sentri_users.password_hash"] == ("varchar(255)", "utf8mb4_bin")
    assert columns["sentri_users.identifier"][1].startswith("utf8mb4")
    assert columns["sentri_sessions.jti"] == ("varchar(32)", "utf8mb4_bin")
    assert columns["sentri_keys.kid"] == ("varchar(64)", "utf8mb4_bin")
    assert columns["sentri_keys.private_key"] == ("varchar(8192)", "utf8mb4_bin")
    assert columns["sentri_sessions.expires_at"] == ("datetime(6)", None)
