"""A year of logins and refreshes: tables, and the memory of the process, stay as large as they were."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from sentri.accounts.limits import Client
from sentri.accounts.stores import UserRecord
from sentri.storage import Users
from sentri_testing import ManualClock
from tests.storage.samples import a_user

DAY = 86400
STEP = 3  # days
IDLE = 7  # days


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def quiet():
    """A logger whose records pytest does not collect."""
    logger = logging.Logger("a year")  # noqa: LOG001 - one that nobody else knows
    logger.addHandler(logging.NullHandler())
    return logger


async def count(database, table):
    rows = await database.call(lambda session: session.rows(f"SELECT COUNT(*) AS n FROM {table}"))
    return rows[0]["n"]


async def added(database, name) -> UserRecord:
    user = a_user(name)
    assert await Users(database).add(user)
    return user


async def visit(auth, user, address):
    """A login from there, and a refresh."""
    pair = await auth.accounts.start_session(user.id)
    await auth._limits.logged_in(Client(address, address, None), user.id)  # noqa: SLF001 - a login without its hash
    await auth.accounts.refresh(pair.refresh_token)


async def test_in_a_year_of_logins_and_refreshes_nothing_grows_without_end(make_auth, database, clock, quiet):
    """Every third day three users log in who come again and again, and three who never do, all from new addresses."""
    sessions, addresses, objects = [], [], []
    regulars = [await added(database, f"regular {number}") for number in range(3)]
    async with make_auth(refresh_expires_in=f"{IDLE}d", session_expires_in="30d", logger=quiet) as auth:
        for day in range(0, 366, STEP):
            clock.advance(STEP * DAY)
            for number in range(3):
                await visit(auth, regulars[number], f"203.0.{day % 256}.{number}")
                await visit(auth, await added(database, f"{day} {number}"), f"198.51.{day % 256}.{number}")
            await asyncio.gather(*auth._context.purging._running)  # noqa: SLF001 - what a login does beside its answer
            sessions.append(await count(database, "sentri_sessions"))
            addresses.append(await count(database, "sentri_known_addresses"))
            if day in (180, 360):
                gc.collect()
                objects.append(len(gc.get_objects()))
    steps = len(sessions)
    assert max(sessions) <= 6 * (IDLE // STEP + 3)  # a day's grace, and what expires until the next batch
    assert max(addresses) <= 3 * 11 + 3 * (90 // STEP + 4)
    assert addresses[-1] < 3 * steps / 2  # of three a step that never came back
    assert objects[1] - objects[0] < 3 * steps  # less than one for each login of the second half
