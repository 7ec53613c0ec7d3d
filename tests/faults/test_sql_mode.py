"""MySQL and MariaDB whose administrator has changed how strings are read."""

from __future__ import annotations

import pytest

from sentri.accounts.stores import UserRecord
from sentri.randomness import new_id
from sentri.storage import Database, Users, migrate

HOSTILE = ["' OR 1=1 -- ", "o'brien", 'quo"ted', "back\\slash", "\\' OR 1=1 -- "]


@pytest.fixture
async def users(service):
    """On a server where a backslash is a character like any other."""
    service.administer("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
    database = Database(service.options)
    await database.open()
    await migrate(database)
    yield Users(database)
    await database.close()
    service.administer("SET GLOBAL sql_mode = DEFAULT")


@pytest.mark.parametrize("service", ["mysql"], indirect=True)
async def test_an_identifier_is_never_a_piece_of_a_statement(users):
    victim = UserRecord(new_id(), "victim", "victim", "hash", ("a'b\\", 'c"'), 1.0)
    assert await users.add(victim)
    for text in HOSTILE:
        assert await users.by_key(text) is None
        made = UserRecord(new_id(), text, text, "hash", (), 1.0)
        assert await users.add(made)
        assert await users.by_key(text) == made
    assert await users.by_key("victim") == victim
