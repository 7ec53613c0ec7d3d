"""Every query of a request finds its rows by an index, on every database."""

# ruff: noqa: SLF001 - the very statements that the stores send

import json

import pytest

from sentri.clock import system_clock
from sentri.randomness import new_id
from sentri.storage import Sessions, Users
from sentri.storage.known_addresses import KnownAddresses
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
        "lock_user": (sessions._lock_user, person),
        "others": (sessions._others, person, name),
        "expired": (sessions._expired, values.time(NOW + 5), 500),
        "known addresses": (KnownAddresses(database)._select, person),
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
