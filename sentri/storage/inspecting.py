"""Looking at a database without changing it: what `sentri doctor` asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tortoise.models import Model

from sentri import models
from sentri.storage.database import Database
from sentri.storage.failures import StorageError
from sentri.storage.migrating import APP
from sentri.storage.migration_files import migrations_for

__all__ = [
    "MigrationState",
    "clock_of",
    "holders_of_sessions",
    "most_connections",
    "schema_differences",
    "state_of_migrations",
]

_NOW: Final = {
    "postgres": "SELECT extract(epoch FROM clock_timestamp())::double precision AS now",
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6)) AS now",
}
_MOST: Final = {
    "postgres": "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int AS most",
    "mysql": "SELECT @@max_connections AS most",
}
_COLUMNS: Final = {
    "postgres": "SELECT column_name AS name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ?",
    "mysql": "SELECT column_name AS name FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = ?",
    "sqlite": "SELECT name FROM pragma_table_info(?)",
}
_HOLDERS: Final = {
    "postgres": "SELECT conrelid::regclass::text AS name FROM pg_constraint"
    " WHERE contype = 'f' AND confrelid = to_regclass('sentri_sessions') AND confdeltype IN ('a', 'r')",
    "mysql": "SELECT table_name AS name FROM information_schema.referential_constraints"
    " WHERE constraint_schema = DATABASE() AND referenced_table_name = 'sentri_sessions'"
    " AND delete_rule IN ('NO ACTION', 'RESTRICT')",
    "sqlite": "SELECT m.name AS name FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f"
    " WHERE m.type = 'table' AND f.\"table\" = 'sentri_sessions' AND f.on_delete IN ('NO ACTION', 'RESTRICT')",
}
"""Foreign keys that keep the row which they point at from being deleted."""


@dataclass(frozen=True, slots=True)
class MigrationState:
    """Which migrations a database has had.

    Attributes:
        pending: those of this version that it has not, in order.
        unknown: those that it has and this version has not.
    """

    pending: tuple[str, ...]
    unknown: tuple[str, ...]


async def state_of_migrations(database: Database) -> MigrationState:
    """Compare what was applied with this version's files."""
    known = [migration.name for migration in await migrations_for(database.dialect)]
    select = database.driver.sql("SELECT version FROM aerich WHERE app = ?")
    try:
        rows = await database.call(lambda session: session.rows(select, APP))
    except StorageError:  # the table is not there: nothing was applied
        rows = []
    have = {row["version"] for row in rows}
    return MigrationState(
        pending=tuple(name for name in known if name not in have), unknown=tuple(sorted(have - set(known)))
    )


async def schema_differences(database: Database) -> Sequence[str]:
    """`table` or `table.column` that the models have and the database has not."""
    missing = []
    for table, columns in _expected().items():
        found = await _columns(database, table)
        if not found:
            missing.append(table)
        else:
            missing += [f"{table}.{column}" for column in sorted(columns - found)]
    return missing


async def holders_of_sessions(database: Database) -> Sequence[str]:
    """The tables of a host's own whose rows keep sessions from being deleted."""
    rows = await database.call(lambda session: session.rows(_HOLDERS[database.dialect]))
    return sorted({next(iter(dict(row).values())) for row in rows})


async def clock_of(database: Database) -> float | None:
    """What time it is there, in seconds since the Unix epoch; None for SQLite, which has our own clock."""
    return await _number(database, _NOW)


async def most_connections(database: Database) -> int | None:
    """How many connections it takes from everybody together; None for SQLite."""
    most = await _number(database, _MOST)
    return None if most is None else int(most)


async def _number(database: Database, queries: Mapping[str, str]) -> float | None:
    query = queries.get(database.dialect)
    if query is None:
        return None
    row = await database.call(lambda session: session.row(query))
    return None if row is None else float(next(iter(dict(row).values())))


async def _columns(database: Database, table: str) -> set[str]:
    sql = database.driver.sql(_COLUMNS[database.dialect])
    rows = await database.call(lambda session: session.rows(sql, table))
    return {next(iter(dict(row).values())) for row in rows}


def _expected() -> Mapping[str, set[str]]:
    found = {}
    for name in models.__all__:
        model = getattr(models, name)
        if isinstance(model, type) and issubclass(model, Model):
            told = model.describe()
            columns = {field["db_column"] for field in (told["pk_field"], *told["data_fields"])}
            found[told["table"]] = columns | {f"{field['name']}_id" for field in told["fk_fields"]}
    return found
