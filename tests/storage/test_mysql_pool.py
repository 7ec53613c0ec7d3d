"""The pool of connections to MySQL and MariaDB gives each of its places back, and no connection that is half read."""

import asyncio
from dataclasses import replace

import pytest

from sentri.storage import Database
from sentri.storage.drivers import driver_for, mysql_pool

pytestmark = pytest.mark.parametrize("dialect", ["mysql"], indirect=True)
ONE = "SELECT 1 AS one"
# Texts that the server sends as they are, in a character set that asyncmy does not expect, so that it stops reading at
# the first of them.
UNREADABLE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
    " SELECT CAST(_latin1 x'e9' AS CHAR CHARACTER SET latin1) AS v FROM n"
)


@pytest.fixture
async def client(database_options, proxy):
    """A pool of one connection, through the proxy."""
    client = driver_for("mysql").client(replace(database_options, port=proxy.port, max=1), 5.0)
    await client.create_connection(with_db=True)
    yield client
    await client.close()


async def borrow(client) -> None:
    async with client.acquire_connection():
        pass


async def test_whoever_gives_up_while_a_connection_is_opened_leaves_its_place_to_the_next(client, proxy):
    """At every turn of the loop: in one of them `asyncio.wait_for` of Python 3.11 does not hear of it."""
    proxy.swallow()
    for ticks in range(30):
        waiting = asyncio.create_task(borrow(client))
        for _ in range(ticks):
            await asyncio.sleep(0)
        waiting.cancel()
        async with asyncio.timeout(3):
            await asyncio.wait((waiting,))
        assert waiting.cancelled(), ticks
    proxy.bury()
    proxy.flow()
    async with asyncio.timeout(3):
        await borrow(client)
        while proxy.connections > 1:  # noqa: ASYNC110 - until the sockets of those who gave up are closed, too
            await asyncio.sleep(0.01)


class Deaf:
    """A connection to a server that does not take its leave, as it may be with TLS."""

    connected = True
    _stream_broken = False
    is_open = True

    def get_transaction_status(self) -> bool:
        return False

    async def ensure_closed(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        self.is_open = False


async def test_closing_leaves_none_open_when_the_first_does_not_take_its_leave(database_options, monkeypatch):
    made = []

    async def connect(**parameters):
        made.append(Deaf())
        return made[-1]

    monkeypatch.setattr(mysql_pool, "connect", connect)
    client = driver_for("mysql").client(replace(database_options, max=3), 5.0)
    await client.create_connection(with_db=True)
    async with client.acquire_connection(), client.acquire_connection(), client.acquire_connection():
        pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.close()
    assert [connection.is_open for connection in made] == [False] * 3


async def test_an_answer_that_was_not_read_to_its_end_is_nobody_elses(database_options):
    database = Database(replace(database_options, max=1))
    await database.open()

    async def read(session):
        await session.run("SET character_set_results = NULL")
        await session.rows(UNREADABLE)

    try:
        with pytest.raises(UnicodeDecodeError):
            await database.call(read)
        for _ in range(5):
            assert await database.call(lambda session: session.row(ONE)) == {"one": 1}
    finally:
        await database.close()


async def test_a_statement_that_the_server_refuses_costs_no_connection(client):
    driver = driver_for("mysql")
    async with client.acquire_connection() as first:
        with pytest.raises(Exception, match="no_such_table"):
            await driver.session(first).rows("SELECT 1 FROM no_such_table")
    async with client.acquire_connection() as second:
        assert second is first
