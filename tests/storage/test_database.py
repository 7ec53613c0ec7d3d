"""`Database` leaks nothing, waits for nobody for ever, and says nothing of what it was given."""

import asyncio
import logging
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sentri.errors import ConfigurationError, SentriError
from sentri.randomness import new_id
from sentri.storage import Database, Sessions, Users
from sentri.storage.failures import StillReferenced, StorageError, UniqueViolation
from tests.storage.samples import HASH, a_session, a_user

ONE = "SELECT 1 AS one"
SLOW = {
    "postgres": "SELECT pg_sleep(30)",
    "mysql": "SELECT SLEEP(30)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
}
on_servers = pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)
on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
async def make_database(database_options):
    """Opens more databases over the same data."""
    made = []

    async def make(*, timeout=5.0, **changes) -> Database:  # noqa: ASYNC109
        made.append(Database(replace(database_options, **changes), timeout=timeout))
        await made[-1].open()
        return made[-1]

    yield make
    for database in made:
        await database.close()


async def answers(database) -> bool:
    async with asyncio.timeout(3):
        return (await database.call(lambda session: session.row(ONE)))["one"] == 1


def refuses(**match):
    return pytest.raises(SentriError, match=r"^SERVICE_UNAVAILABLE: The database does not answer", **match)


async def count_users(database) -> int:
    return (await database.call(lambda session: session.row("SELECT count(*) AS n FROM sentri_users")))["n"]


# What a unit and a call are


async def test_a_unit_happens_as_a_whole(database):
    users = Users(database)
    first, second = a_user("one"), a_user("two")
    row = database.driver.sql("UPDATE sentri_users SET roles = ? WHERE id = ?")

    async def work(session):
        assert await session.run(row, '["a"]', first.id) == 1
        assert await session.run(row, '["b"]', second.id) == 1
        return "done"

    for user in (first, second):
        await users.add(user)
    assert await database.unit(work) == "done"
    assert [(await users.by_id(user.id)).roles for user in (first, second)] == [("a",), ("b",)]


async def test_a_unit_that_raises_never_happened(database):
    users = Users(database)
    user = a_user()
    await users.add(user)

    async def work(session):
        await session.run("DELETE FROM sentri_users")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await database.unit(work)
    assert await users.by_id(user.id) == user
    assert await answers(database)


async def test_counts_the_rows_that_a_statement_met(database):
    """Also rows whose values stay as they were, which MySQL would leave out."""
    users = Users(database)
    for number in range(3):
        await users.add(a_user(f"{number}"))

    async def run(sql):
        return await database.call(lambda session: session.run(sql))

    assert await run("UPDATE sentri_users SET password_hash = password_hash") == 3
    assert await run("UPDATE sentri_users SET password_hash = 'x' WHERE identifier_key = '1'") == 1
    assert await run("DELETE FROM sentri_users WHERE identifier_key = 'nobody'") == 0
    assert await run("DELETE FROM sentri_users") == 3


async def test_units_that_deadlock_are_run_again(make_database, dialect):
    """Two units lock two rows in opposite orders; SQLite lets one in after the other."""
    database = await make_database(max=4)
    users = Users(database)
    one, two = a_user("one", roles=()), a_user("two", roles=())
    for user in (one, two):
        await users.add(user)
    update = database.driver.sql("UPDATE sentri_users SET password_hash = ? WHERE id = ?")
    tries = []
    both = asyncio.Barrier(2 if dialect != "sqlite" else 1)

    async def unit(first, second, mark):
        async def work(session):
            tries.append(mark)
            await session.run(update, mark, first.id)
            if len(tries) <= 2:
                await both.wait()
            await session.run(update, mark, second.id)

        await database.unit(work)

    await asyncio.gather(unit(one, two, "a"), unit(two, one, "b"))
    hashes = {(await users.by_id(user.id)).password_hash for user in (one, two)}
    assert len(hashes) == 1
    assert len(tries) == (2 if dialect == "sqlite" else 3)


# Cancellation


@pytest.mark.parametrize("kind", ["unit", "call", "find_active", "change_password"])
async def test_a_cancelled_caller_leaks_neither_connection_nor_lock(make_database, clock, kind):
    """A pool of two, and a cancellation at every turn of the loop."""
    database = await make_database(max=2)
    users, sessions = Users(database), Sessions(database, clock)
    user = a_user()
    await users.add(user)
    session = a_session(user)
    await sessions.start(session, verified_hash=None)
    update = database.driver.sql("UPDATE sentri_users SET disabled_at = NULL WHERE id = ?")

    async def work(session):
        await session.row(ONE)
        await session.run(update, user.id)
        await asyncio.sleep(0)

    requests = {
        "unit": lambda: database.unit(work),
        "call": lambda: database.call(lambda session: session.run(update, user.id)),
        "find_active": lambda: sessions.find_active(session.id),
        "change_password": lambda: users.change_password(user.id, verified="no", renewed="no"),
    }
    for ticks in range(40):
        crowd = [asyncio.create_task(requests[kind]()) for _ in range(4)]
        for _ in range(ticks):
            await asyncio.sleep(0)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
    async with asyncio.timeout(3):
        assert await asyncio.gather(*(database.unit(lambda s: s.run(update, user.id)) for _ in range(6))) == [1] * 6
        assert await sessions.find_active(session.id)


async def test_a_cancelled_unit_still_commits(database):
    """Who waited is gone; what was begun is finished, not half done."""
    users = Users(database)
    user = a_user()
    await users.add(user)
    entered, leave = asyncio.Event(), asyncio.Event()
    update = database.driver.sql("UPDATE sentri_users SET password_hash = ? WHERE id = ?")

    async def work(session):
        await session.run(update, "new", user.id)
        entered.set()
        await leave.wait()

    waiting = asyncio.create_task(database.unit(work))
    await entered.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    leave.set()
    await database.close()
    await database.open()
    assert (await Users(database).by_id(user.id)).password_hash == "new"


# Time-outs and failures


async def test_a_statement_that_takes_too_long_is_given_up(make_database, dialect, caplog):
    database = await make_database(timeout=0.3)
    began = time.monotonic()
    with refuses() as raised:
        await database.call(lambda session: session.rows(SLOW[dialect]))
    assert time.monotonic() - began < 2
    assert raised.value.headers == {"Retry-After": "1"}
    assert raised.value.status_code == 503
    assert caplog.messages == ["the database does not answer: TimeoutError"]
    assert await answers(database)


async def test_a_unit_that_takes_too_long_is_undone(make_database):
    database = await make_database(timeout=0.3)
    users = Users(database)
    user = a_user()
    await users.add(user)

    async def work(session):
        await session.run("DELETE FROM sentri_users")
        await asyncio.sleep(30)

    with refuses():
        await database.unit(work)
    assert await users.by_id(user.id) == user


async def test_a_pool_without_a_free_connection_is_waited_for_only_so_long(make_database):
    database = await make_database(max=1, timeout=0.5)
    held, leave = asyncio.Event(), asyncio.Event()

    async def hold(session):
        await session.row(ONE)
        held.set()
        await leave.wait()

    holder = asyncio.create_task(database.call(hold, within=10))
    await held.wait()
    with refuses():
        await answers(database)
    leave.set()
    await holder
    assert await answers(database)


async def test_a_row_that_somebody_holds_is_waited_for_only_so_long(make_database):
    """SQLite: another process writes for too long."""
    holder, database = await make_database(), await make_database(timeout=0.5)
    users = Users(database)
    user = a_user()
    await users.add(user)
    held, leave = asyncio.Event(), asyncio.Event()
    update = database.driver.sql("UPDATE sentri_users SET password_hash = 'x' WHERE id = ?")

    async def hold(session):
        await session.run(update, user.id)
        held.set()
        await leave.wait()

    holding = asyncio.create_task(holder.unit(hold))
    await held.wait()
    with refuses():
        await users.renew_hash(user.id, verified=HASH, renewed="new")
    leave.set()
    await holding
    assert await users.renew_hash(user.id, verified="x", renewed="new")


@on_servers
async def test_recovers_when_the_server_comes_back(make_database, proxy, caplog):
    database = await make_database(port=proxy.port, timeout=1.0)
    assert await answers(database)
    await proxy.stop()
    for _ in range(3):
        with refuses():
            await answers(database)
    assert len(caplog.messages) == 3
    await proxy.start()
    assert await answers(database)
    assert await asyncio.gather(*(answers(database) for _ in range(20))) == [True] * 20


@on_servers
async def test_connections_that_were_cut_are_replaced(make_database, proxy):
    database = await make_database(port=proxy.port, timeout=1.0)
    await asyncio.gather(*(answers(database) for _ in range(20)))
    await proxy.stop()
    await proxy.start()
    await asyncio.sleep(0.05)  # the end of a connection takes a moment to arrive
    assert await asyncio.gather(*(answers(database) for _ in range(20))) == [True] * 20


@on_servers
async def test_a_connection_cut_in_the_middle_is_a_503_and_then_replaced(make_database, proxy, dialect):
    database = await make_database(port=proxy.port, timeout=2.0)
    waiting = asyncio.create_task(database.call(lambda session: session.rows(SLOW[dialect])))
    await asyncio.sleep(0.1)
    await proxy.stop()
    with refuses():
        await waiting
    await proxy.start()
    assert await answers(database)


@on_servers
async def test_a_network_that_swallows_everything_is_a_503_in_time(make_database, proxy):
    database = await make_database(port=proxy.port, timeout=0.4)
    await answers(database)
    proxy.swallow()
    began = time.monotonic()
    for outcome in await asyncio.gather(*(answers(database) for _ in range(5)), return_exceptions=True):
        assert isinstance(outcome, SentriError)
    assert time.monotonic() - began < 2.5
    proxy.flow()
    assert await answers(database)


@on_servers
async def test_a_crowd_that_gives_up_together_leaves_the_pool_as_it_was(make_database, proxy):
    database = await make_database(port=proxy.port, timeout=0.3, max=3)
    for _ in range(4):
        crowd = [asyncio.create_task(answers(database)) for _ in range(40)]
        await asyncio.sleep(0)
        proxy.bury()
        proxy.swallow()
        await asyncio.gather(*crowd, *(answers(database) for _ in range(40)), return_exceptions=True)
        proxy.bury()
        proxy.flow()
        assert await asyncio.gather(*(answers(database) for _ in range(6))) == [True] * 6


@on_servers
async def test_a_rollback_that_the_time_out_cuts_off_costs_no_connection(make_database, proxy):
    """The work fails just before its time is over, and the server does not answer any more."""
    database = await make_database(port=proxy.port, timeout=0.5, max=1)

    async def work(session):
        await session.run("UPDATE sentri_users SET password_hash = 'x'")
        proxy.swallow()
        await asyncio.sleep(0.3)
        raise LookupError

    began = time.monotonic()
    with refuses():
        await database.unit(work)
    assert time.monotonic() - began < 2
    proxy.bury()  # also when it is back, nothing more is heard of that rollback
    proxy.flow()
    assert await answers(database)


async def ended(statement, session) -> None:
    await session.run(statement)


@on_servers
async def test_a_server_that_ends_our_connections_is_survived(make_database, dialect):
    """An administrator, a restart, a load balancer."""
    database, admin = await make_database(max=3), await make_database(max=1)
    await asyncio.gather(*(answers(database) for _ in range(9)))
    if dialect == "postgres":
        listed = (
            "SELECT pid AS id FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        kill = "SELECT pg_terminate_backend({})"
    else:
        listed = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        kill = "KILL {}"
    async with asyncio.timeout(10):
        while rows := await admin.call(lambda session: session.rows(listed)):  # they end when they get to it
            for row in rows:
                with suppress(StorageError):  # it has ended in between
                    await admin.call(partial(ended, kill.format(row["id"])))
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert await asyncio.gather(*(answers(database) for _ in range(9))) == [True] * 9


async def test_find_active_fails_with_a_503_for_each_of_those_who_wait(make_database, clock):
    database = await make_database()
    sessions = Sessions(database, clock)
    await database.close()
    failures = await asyncio.gather(*(sessions.find_active(new_id()) for _ in range(5)), return_exceptions=True)
    assert {failure.code for failure in failures} == {"SERVICE_UNAVAILABLE"}
    assert len({id(failure) for failure in failures}) == 5
    await database.open()
    assert await sessions.find_active(new_id()) is None


# What failures say


def told(error) -> str:
    """Everything that a logger or a tracker could find in an exception."""
    assert error.__cause__ is None
    assert error.__context__ is None
    return repr(error) + str(error) + repr(vars(error)) + repr(error.args)


async def test_a_unique_violation_tells_nothing_of_the_row(database):
    users = Users(database)
    user = a_user("secret@example.com")
    await users.add(user)
    with pytest.raises(UniqueViolation) as raised:
        await database.call(lambda session: session.run("INSERT INTO sentri_users SELECT * FROM sentri_users"))
    assert "secret" not in told(raised.value)
    assert user.id not in told(raised.value)


@pytest.mark.parametrize(
    ("dialect", "statement"),
    [
        ("postgres", "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '23001'; END $$"),
        ("mysql", "SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1217"),
        ("mysql", "SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1216"),
    ],
    indirect=["dialect"],
)
async def test_a_foreign_key_is_told_whatever_its_code(database, statement):
    """PostgreSQL 18 has one of its own for RESTRICT, MySQL one for whom the other table is hidden from."""
    with pytest.raises(StillReferenced):
        await database.call(lambda session: session.run(statement))


async def test_a_refused_statement_tells_the_kind_and_the_code_only(database):
    with pytest.raises(StorageError, match=r"^the database refused a statement \(\w+ \w+\); ") as raised:
        await database.call(lambda session: session.run("SELECT 'secret' FROM no_such_table"))
    assert "secret" not in told(raised.value)
    assert "no_such" not in told(raised.value)
    assert await answers(database)


async def test_no_log_holds_values_or_passwords(database_options, caplog, clock):
    """At DEBUG, of every logger: Tortoise would log the values of its queries, and its connections' parameters."""
    caplog.set_level(logging.DEBUG)
    secret = "do-not-log-me"
    with_password = {} if database_options.dialect == "sqlite" else {"password": secret}
    database = Database(replace(database_options, **with_password))
    try:
        await database.open()
    except ConfigurationError:  # this server asks for its password
        database = Database(database_options)
        await database.open()
    users, sessions = Users(database), Sessions(database, clock)
    user = a_user(secret, identifier=secret, password_hash=secret)
    session = a_session(user, jti=secret)
    assert await users.add(user)
    assert not await users.add(user)
    assert await sessions.start(session, verified_hash=secret)
    assert await sessions.rotate(session.id, presented=secret, successor=secret + "2", now=1.0, expires_at=2.0)
    assert await users.by_key(secret)
    await database.close()
    assert secret not in caplog.text
    assert secret not in repr(database_options)


# Opening and closing


@on_servers
async def test_opening_without_a_server_is_a_503(database_options, proxy, caplog):
    await proxy.stop()
    database = Database(replace(database_options, port=proxy.port), timeout=1.0)
    with refuses() as raised:
        await database.open()
    told(raised.value)
    assert not database.opened
    await proxy.start()
    await database.open()
    assert await answers(database)
    await database.close()


@on_servers
async def test_opening_what_does_not_exist_is_a_mistake_of_configuration(database_options):
    database = Database(replace(database_options, database="sentri_no_such_database"))
    with pytest.raises(ConfigurationError, match="sentri_no_such_database refuses the connection") as raised:
        await database.open()
    told(raised.value)


@on_sqlite
async def test_a_file_that_cannot_be_opened_is_a_mistake_of_configuration(database_options):
    database = Database(replace(database_options, database="/no/such/folder/auth.db"))
    with pytest.raises(ConfigurationError, match="refuses the connection"):
        await database.open()


@on_sqlite
async def test_a_process_that_changes_its_folder_keeps_its_file(make_database, database_options, monkeypatch):
    """A daemon does, once it has started."""
    monkeypatch.chdir(Path(database_options.database).parent)
    database = await make_database(database=Path(database_options.database).name)
    monkeypatch.chdir("/")
    assert await answers(database)


@on_sqlite
async def test_many_openings_of_a_new_file_at_once_succeed(empty_database_options):
    """Each switches it to WAL, and SQLite does not make them wait."""
    databases = [Database(empty_database_options) for _ in range(10)]
    await asyncio.gather(*(database.open() for database in databases))
    assert await asyncio.gather(*(answers(database) for database in databases)) == [True] * 10
    await asyncio.gather(*(database.close() for database in databases))


async def test_closing_waits_for_what_runs(make_database):
    database = await make_database()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def work(session):
        entered.set()
        await leave.wait()
        return await session.row(ONE)

    running = asyncio.create_task(database.unit(work))
    await entered.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.02)
    assert not closing.done()
    leave.set()
    await closing
    assert (await running)["one"] == 1


async def test_closing_ends_what_does_not_end_by_itself(make_database):
    database = await make_database(timeout=0.3)
    entered = asyncio.Event()

    async def work(session):
        entered.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(database.call(work, within=60))
    await entered.wait()
    await database.close()
    with refuses():
        await running


async def test_opens_and_closes_as_often_as_one_likes(make_database):
    database = await make_database()
    await database.open()
    assert database.opened
    await database.close()
    await database.close()
    assert not database.opened
    with refuses():
        await answers(database)
    await asyncio.gather(database.open(), database.open())
    assert await answers(database)


def test_one_object_serves_one_loop_after_another(database_options):
    database = Database(database_options)

    async def use():
        await database.open()
        assert await answers(database)
        await database.close()

    for _ in range(2):
        asyncio.run(use())


def test_mysql_without_its_driver_says_how_to_install_it():
    code = (
        "import sys; sys.modules['asyncmy'] = None\n"
        "from sentri.config.database import Database as Options\n"
        "from sentri.storage import Database\n"
        "Database(Options(dialect='mysql', database='x'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith('pip install "sentri-auth[mysql]"')
