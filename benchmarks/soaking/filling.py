"""Users, sessions and known addresses in any number, made by the database itself: a million in a minute or two.

Ids follow from numbers, and are spread over the whole index as random ones are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from sentri.storage import Database

__all__ = ["SESSIONS_EACH", "Crowd", "fill", "session_id", "user_id"]

SESSIONS_EACH: Final = 2
_CHUNK: Final = 500_000
"""Rows of one statement: sorted as the index is, so that a large chunk passes through it once, from end to end."""
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class _Sql:
    """What the three databases spell differently.

    Attributes:
        numbers: `FROM` what gives `n` from {first} to {last}.
        hexadecimal: the number {n} in so many {digits}.
        after: the instant that is {seconds} after {now}.
        analyze: what makes the planner's statistics.
    """

    numbers: str
    hexadecimal: str
    after: str
    analyze: str


_SQL: Final = {
    "postgres": _Sql(
        numbers="generate_series({first}::bigint, {last}) AS numbers (n)",
        hexadecimal="lpad(to_hex(({n})::bigint), {digits}, '0')",
        after="timestamptz '{now}+00' + make_interval(secs => {seconds})",
        analyze="ANALYZE {table}",
    ),
    "mysql": _Sql(
        numbers="(SELECT CAST(seq AS SIGNED) AS n FROM seq_{first}_to_{last}) numbers",
        hexadecimal="LPAD(LOWER(HEX({n})), {digits}, '0')",
        after="TIMESTAMP'{now}' + INTERVAL ({seconds}) SECOND",
        analyze="ANALYZE TABLE {table}",
    ),
    "sqlite": _Sql(
        numbers="(WITH RECURSIVE numbers (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
        " SELECT n FROM numbers)",
        hexadecimal="printf('%0{digits}x', {n})",
        after="strftime('%Y-%m-%d %H:%M:%f', '{now}', printf('%+d seconds', {seconds})) || '000+00:00'",
        analyze="ANALYZE {table}",
    ),
}
_SPREAD: Final = 2654435761
"""Odd, so that no two numbers below 2³² come to the same, and near to the golden ratio, so that they lie far apart."""
_TABLES: Final = {
    "sentri_users (id, identifier, identifier_key, password_hash, roles, created_at)": (
        "{id}",
        "{text}",
        "{text}",
        "'{hash}'",
        "'[\"user\"]'",
        "{now}",
    ),
    "sentri_sessions (id, user_id, created_at, expires_at, jti, rotated_at)": (
        "{id}",
        "{owner}",
        "{now}",
        "{expiry}",
        "'0123456789abcdef0123456789abcdef'",
        "{now}",
    ),
    "sentri_known_addresses (digest, user_id, seen_at)": ("{digest}", "{owner}", "{seen}"),
}


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many there are.

    Attributes:
        users: from number 0.
        expired: every so many-th session has expired days ago; none without.
    """

    users: int
    expired: int | None = None

    @property
    def sessions(self) -> int:
        """User `n` has the sessions `n`, `n + users` and so on."""
        return self.users * SESSIONS_EACH


def user_id(number: int) -> str:
    """The id of a user."""
    return _id(number, 0)


def session_id(number: int) -> str:
    """The id of a session."""
    return _id(number, 1)


async def fill(database: Database, crowd: Crowd, password_hash: str) -> None:
    """Rows of all three tables, in a migrated database without any, and statistics of them. Every user has
    `password_hash`, is `user-N@example.com` and was seen at one address, today or at a day of the last hundred.
    """
    for table in _TABLES:
        name = table.split(" ", 1)[0]
        rows = crowd.sessions if name == "sentri_sessions" else crowd.users
        for first in range(0, rows, _CHUNK):
            chunk = range(first, min(first + _CHUNK, rows))
            await _run(database, _insert(database.dialect, table, crowd, password_hash, chunk))
        await _run(database, _SQL[database.dialect].analyze.format(table=name))


async def _run(database: Database, statement: str) -> None:
    await database.call(lambda session: session.rows(statement))


def _insert(dialect: str, table: str, crowd: Crowd, password_hash: str, numbers: range) -> str:
    sql, now = _SQL[dialect], time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())

    def named(number: str, kind: int) -> str:
        parts = sql.hexadecimal.format(n=f"({number}) * {_SPREAD} % 4294967296", digits=8), f"'-{kind:04x}-4000-8000-'"
        text = _joined(dialect, *parts, sql.hexadecimal.format(n=number, digits=12))
        return f"({text})::uuid" if dialect == "postgres" else text

    def after(seconds: str) -> str:
        return sql.after.format(now=now, seconds=seconds)

    spread = f"n * {_SPREAD} % 4294967296"
    expiry = f"{_DAY} + n * {6 * _DAY} / {crowd.sessions}"  # as real ones: those that began later end later
    if crowd.expired is not None:
        expiry = f"CASE WHEN n % {crowd.expired} = 0 THEN -{2 * _DAY} - n % {_DAY} ELSE {expiry} END"
    parts = {
        "id": named("n", 1 if "sentri_sessions" in table else 0),
        "owner": named(f"n % {crowd.users}", 0),
        "text": _joined(dialect, "'user-'", "n", "'@example.com'"),
        "hash": password_hash,
        "now": after("0"),
        "expiry": after(expiry),
        "digest": _joined(
            dialect, sql.hexadecimal.format(n=spread, digits=8), sql.hexadecimal.format(n="n", digits=28)
        ),
        "seen": after(f"-{_DAY} * (n % 100)"),
    }
    columns = ", ".join(_TABLES[table]).format(**parts)
    source = sql.numbers.format(first=numbers[0], last=numbers[-1])
    return f"INSERT INTO {table} SELECT {columns} FROM {source} ORDER BY {spread}"


def _joined(dialect: str, *parts: str) -> str:
    if dialect == "mysql":
        return f"CONCAT({', '.join(parts)})"
    return " || ".join(f"CAST({part} AS text)" for part in parts)


def _id(number: int, kind: int) -> str:
    return f"{number * _SPREAD % 2**32:08x}-{kind:04x}-4000-8000-{number:012x}"
