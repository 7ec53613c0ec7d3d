"""The list of users is read along an index, whatever is searched for, and a bounded part of it, on every database."""

# ruff: noqa: SLF001 - the very statements that the stores send

import json
from unittest.mock import Mock

import pytest

from sentri.accounts.stores import UserFilter
from sentri.randomness import new_id
from sentri.storage import Users, user_pages
from tests.storage.samples import HASH, NOW

ROWS = 3000


@pytest.fixture
async def filled(database):
    """So many rows that a planner prefers an index, with fresh statistics."""
    values = database.driver.values
    people, logins = [new_id() for _ in range(ROWS)], [new_id() for _ in range(ROWS)]
    now = values.time(NOW)
    users = [(person, "X", values.key(f"user {n}"), HASH, "[]", now) for n, person in enumerate(people)]
    sessions = [(login, people[n], now, values.time(NOW + n), f"j{n}", now) for n, login in enumerate(logins)]
    await insert(database, "sentri_users (id, identifier, identifier_key, password_hash, roles, created_at)", users)
    await insert(database, "sentri_sessions (id, user_id, created_at, expires_at, jti, rotated_at)", sessions)
    known = [(f"digest {n}", person, now) for n, person in enumerate(people)]
    await insert(database, "sentri_known_addresses (digest, user_id, seen_at)", known)
    analyze = (
        "ANALYZE TABLE sentri_users, sentri_sessions, sentri_known_addresses"
        if database.dialect == "mysql"
        else "ANALYZE"
    )
    await database.call(lambda connection: connection.rows(analyze))
    return people, logins


async def insert(database, table, rows):
    for start in range(0, len(rows), 250):
        some = rows[start : start + 250]
        places = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * len(some))
        sql = database.driver.sql("INSERT INTO {table} VALUES {places}", table=table, places=places)
        row = [value for each in some for value in each]
        await database.call(lambda connection, sql=sql, row=row: connection.run(sql, *row))


async def plan(database, sql, *values) -> str:
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN ", "mysql": "EXPLAIN "}[database.dialect]
    rows = await database.call(lambda connection: connection.rows(explain + sql, *values))
    return json.dumps([dict(row) for row in rows])


def uses_indexes_only(dialect, plan) -> bool:
    if dialect == "sqlite":
        return "SCAN" not in plan
    if dialect == "postgres":
        return "Seq Scan" not in plan
    kinds = {step["type"] for step in json.loads(plan)}
    return kinds <= {"const", "eq_ref", "ref", "range", "index_merge"}


@pytest.mark.parametrize(
    "wanted",
    [
        UserFilter(),
        UserFilter(prefix="user 12"),
        UserFilter(role="admin"),
        UserFilter(part="ser", disabled=False),
        UserFilter(prefix="user 1", part="23", role="admin", disabled=True),
    ],
)
@pytest.mark.parametrize("after", [None, "user 123"])
async def test_every_page_of_users_is_read_along_the_index_of_the_keys(database, filled, wanted, after, monkeypatch):
    statements = []

    async def call(work):
        return await database.call(lambda session: work(Noting(session, statements)))

    users = Users(database)
    monkeypatch.setattr(user_pages, "_LOOKED_AT", 100)  # of more, a planner would read a table as small as this one
    monkeypatch.setattr(users._pages, "_database", Mock(call=call))
    await users.page(wanted, after=after, most=10)
    assert statements
    for sql, values in statements:
        shown = await plan(database, sql, *values)
        plain = shown.replace("SCAN r VIRTUAL TABLE", "")  # the roles of one user, which json_each lays out
        assert uses_indexes_only(database.dialect, plain), shown
        if len(statements) == 1:  # else what is found among a bounded number of users may well be sorted
            assert "Sort" not in shown, "what comes in order need not be sorted"
            assert "filesort" not in shown
            assert "TEMP B-TREE" not in shown


class Noting:
    """A session that notes the queries that pass through it."""

    def __init__(self, session, statements):
        self._session = session
        self._statements = statements

    async def row(self, sql, *values):
        self._statements.append((sql, values))
        return await self._session.row(sql, *values)

    async def rows(self, sql, *values):
        self._statements.append((sql, values))
        return await self._session.rows(sql, *values)
