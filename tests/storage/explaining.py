"""A driver whose sessions explain every statement before they send it, with its values, where and when it is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sentri.storage.drivers import Driver

SMALL = {"sentri_keys", "aerich", "sqlite_master", "tables"}
"""Tables that are read as a whole, for they have a few rows; the last two are the catalogues of SQLite and MySQL."""


@dataclass
class Explained:
    """Every statement that was sent, and which plans of which read a table from end to end."""

    statements: set[str] = field(default_factory=set)
    scans: dict[str, list[str]] = field(default_factory=dict)

    def add(self, statement: str, scans: Sequence[str]) -> None:
        self.statements.add(statement)
        if scans:
            self.scans.setdefault(statement, []).extend(scans)


class ExplainingDriver:
    """A dialect's driver; all that its sessions send is in `explained`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.explained = Explained()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def session(self, connection: Any) -> ExplainingSession:
        return ExplainingSession(self._driver.session(connection), self._driver.dialect, self.explained)


class ExplainingSession:
    def __init__(self, session: Any, dialect: str, explained: Explained) -> None:
        self._session = session
        self._dialect = dialect
        self._explained = explained

    async def run(self, sql, *values):
        await self._explain(sql, values)
        return await self._session.run(sql, *values)

    async def rows(self, sql, *values):
        await self._explain(sql, values)
        return await self._session.rows(sql, *values)

    async def row(self, sql, *values):
        await self._explain(sql, values)
        return await self._session.row(sql, *values)

    async def returned(self, sql, values):
        await self._explain(sql, values[0])
        return await self._session.returned(sql, values)

    async def _explain(self, sql, values):
        if sql.split()[0] not in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            return
        looks_up = not sql.startswith("INSERT") or " SELECT " in sql
        self._explained.add(sql, await self._scans(sql, values) if looks_up else [])

    async def _scans(self, sql, values) -> list[str]:
        match self._dialect:
            case "sqlite":
                return scans_of_sqlite(await self._session.rows(f"EXPLAIN QUERY PLAN {sql}", *values))
            case "mysql":
                return scans_of_mysql(await self._session.rows(f"EXPLAIN {sql}", *values))
        explained = await self._session.row(f"EXPLAIN (FORMAT JSON) {sql}", *values)
        return [*scans_of_postgres(explained), *await self._generic_scans(sql, len(values))]

    async def _generic_scans(self, sql, count) -> list[str]:
        """Of the plan for any values, which PostgreSQL may keep for a statement that it was sent some times."""
        await self._session.run("SET plan_cache_mode = force_generic_plan")
        await self._session.run(f"PREPARE explaining AS {sql}")
        nothing = f"({', '.join(['NULL'] * count)})" if count else ""
        explained = await self._session.row(f"EXPLAIN (FORMAT JSON) EXECUTE explaining{nothing}")
        await self._session.run("DEALLOCATE explaining")
        await self._session.run("RESET plan_cache_mode")
        return scans_of_postgres(explained)


def scans_of_sqlite(rows) -> list[str]:
    """`SCAN` reads a table, or an index, from end to end; `SEARCH` looks something up."""
    steps = [row["detail"] for row in rows]
    tables = [step for step in steps if "VIRTUAL TABLE" not in step]  # the roles of one user, which json_each lays out
    return [step for step in tables if step.startswith("SCAN") and step.split()[1] not in SMALL]


def scans_of_mysql(rows) -> list[str]:
    """`ALL` reads a table from end to end, `index` an index. Without a type nothing is read, or nothing is left to."""
    return [
        f"{row['type']} of {row['table']}"
        for row in rows
        if row["type"] in {"ALL", "index"} and row["select_type"] != "INSERT" and row["table"] not in SMALL
    ]


def scans_of_postgres(row) -> list[str]:
    """A sequential scan, or an index that is read without a condition."""
    found: list[str] = []

    def visit(node):
        kind, table = node["Node Type"], node.get("Relation Name") or node.get("Index Name")
        reads_all = kind == "Seq Scan" or (
            kind in {"Index Scan", "Index Only Scan", "Bitmap Index Scan"} and "Index Cond" not in node
        )
        if reads_all and table not in SMALL:
            found.append(f"{kind} of {table}")
        for child in node.get("Plans", ()):
            visit(child)

    visit(json.loads(row["QUERY PLAN"])[0]["Plan"])
    return found
