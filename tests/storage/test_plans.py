"""Every query of a request finds its rows by an index, on every database."""

# ruff: noqa: SLF001 - the very statements that the stores send

import json
from unittest.mock import Mock

import pytest

from sentri.accounts.stores import UserFilter
from sentri.clock import system_clock
from sentri.randomness import new_id
from sentri.storage import Sessions, Users, user_pages
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
        "start": (sessions._insert_verified, name, now, now, "j", None, now, "a browser", "192.0.2.1", person, HASH),
        "end of one's own": (sessions._delete_own, name, person),
        "page": (sessions._first, person, now, 51),
        "page, further": (sessions._further, person, now, now, now, name, 51),
        "describe": (sessions._describe, "a browser", "192.0.2.1", name),
        "by_id": (users._select_by_id, person),
        "by_key": (users._select_by_key, values.key("user 7")),
        "renew_hash": (users._update_hash, "new", person, HASH),
        "change_identifier": (users._update_identifier, "x", values.key("x"), person),
        "change_roles": (users._select_locked, person),
        "replace_password": (users._overwrite_hash, "new", person),
        "set_disabled": (users._update_disabled, now, person),
        "delete": (users._delete, person),
        "delete addresses": (users._delete_addresses, person),
        "add_all": (users._imports._select_sql(2), *people[:2], *(values.key(f"user {n}") for n in range(2))),
    }
    plans = {what: await plan(database, *query) for what, query in queries.items()}
    assert {what: p for what, p in plans.items() if not uses_indexes_only(database.dialect, p)} == {}


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


async def test_expired_sessions_are_found_by_an_index(database, filled):
    """For whoever cleans them up."""
    sql = database.driver.sql("DELETE FROM sentri_sessions WHERE expires_at < ?")
    shown = await plan(database, sql, database.driver.values.time(NOW + 10))
    assert uses_indexes_only(database.dialect, shown), shown
