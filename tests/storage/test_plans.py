"""Every query of a request finds its rows by an index, on every database."""

# ruff: noqa: SLF001 - the very statements that the stores send

import json

import pytest

from sentri.clock import system_clock
from sentri.randomness import new_id
from sentri.storage import Sessions, Users
from tests.storage.samples import HASH, NOW

ROWS = 3000


@pytest.fixture
async def filled(database):
    """So many rows that a planner prefers an index, with fresh statistics."""
    driver, values = database.driver, database.driver.values
    people, logins = [new_id() for _ in range(ROWS)], [new_id() for _ in range(ROWS)]
    user = driver.sql("INSERT INTO sentri_users VALUES (?, ?, ?, ?, ?, ?, NULL)")
    columns = "id, user_id, created_at, expires_at, jti, previous_jti, rotated_at"
    session = driver.sql("INSERT INTO sentri_sessions ({columns}) VALUES (?, ?, ?, ?, ?, NULL, ?)", columns=columns)
    now = values.time(NOW)

    async def fill(connection):
        for number, person in enumerate(people):
            await connection.run(user, person, "X", values.key(f"user {number}"), HASH, "[]", now)
        for number, login in enumerate(logins):
            row = (login, people[number], now, values.time(NOW + number), f"j{number}", now)
            await connection.run(session, *row)

    await database.unit(fill)
    analyze = "ANALYZE TABLE sentri_users, sentri_sessions" if database.dialect == "mysql" else "ANALYZE"
    await database.call(lambda connection: connection.rows(analyze))
    return people, logins


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


async def test_every_query_of_a_request_uses_an_index(database, filled):
    sessions, users = Sessions(database, system_clock), Users(database)
    values, ids = database.driver.values, database.driver.ids
    people, logins = filled
    now, person, name = values.time(NOW), people[7], logins[7]
    many = logins[100:105]  # of more, PostgreSQL would read a table as small as this from end to end
    queries = {
        "find_active": (sessions._active_sql(1), name, now),
        "find_active, many": (sessions._active_sql(5), *ids(many), now),
        "read": (sessions._select, name),
        "rotate": (sessions._update, "s", "p", now, now, name, "p", now),
        "end": (sessions._delete, name),
        "end_all": (sessions._delete_all, person),
        "start": (sessions._insert_verified, name, now, now, "j", None, now, person, HASH),
        "by_id": (users._select_by_id, person),
        "by_key": (users._select_by_key, values.key("user 7")),
        "renew_hash": (users._update_hash, "new", person, HASH),
        "change_identifier": (users._update_identifier, "x", values.key("x"), person),
        "change_roles": (users._select_locked, person),
    }
    plans = {what: await plan(database, *query) for what, query in queries.items()}
    assert {what: p for what, p in plans.items() if not uses_indexes_only(database.dialect, p)} == {}


async def test_expired_sessions_are_found_by_an_index(database, filled):
    """For whoever cleans them up."""
    sql = database.driver.sql("DELETE FROM sentri_sessions WHERE expires_at < ?")
    shown = await plan(database, sql, database.driver.values.time(NOW + 10))
    assert uses_indexes_only(database.dialect, shown), shown
