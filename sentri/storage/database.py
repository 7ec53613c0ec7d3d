"""The database: one piece of work at a time on one connection, whatever happens to whoever asked for it.

Tortoise's clients give drivers and pools. Nothing else of Tortoise runs here, no context and no ORM: those are
shared by the whole process, and the process is the host's (ARCHITECTURE, section 4). Statements go straight to
the driver's connection, so neither Tortoise nor a log sees their values.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count as counting
from typing import Any, Final, TypeVar

from tortoise.exceptions import DBConnectionError

from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import Dialect
from sentri.errors import ConfigurationError
from sentri.finishing import finish
from sentri.storage.drivers import Driver, Session, driver_for
from sentri.storage.failures import Fault, Nature, StillReferenced, StorageError, UniqueViolation, unavailable
from sentri.storage.measuring import system_name
from sentri.telemetry import OFF, Telemetry

__all__ = ["Database"]

T = TypeVar("T")
Work = Callable[[Session], Awaitable[T]]

_ATTEMPTS: Final = 5  # of work that ran into a deadlock or a locked file
_PARTING: Final = 1.0  # seconds for a connection to be rolled back or dropped


class Database:
    """A pool of connections and the two ways to use one: `unit` (a transaction) and `call` (a statement).

    Both run in a task of their own: who waits may be cancelled, the work goes on to its commit or its rollback,
    and neither a connection nor a lock is left behind. A database that does not answer raises `SentriError`
    with code `SERVICE_UNAVAILABLE`; the next call tries again with a fresh connection.

    Args:
        options: where it is.
        timeout: seconds for one unit or call, from waiting for a connection to the commit; by default what the
            options say.
        logger: gets one line a failure: the exception's type and its SQLSTATE or errno, never its message.
        driver: in place of the dialect's own.
        telemetry: counts what runs.
    """

    def __init__(
        self,
        options: DatabaseOptions,
        *,
        timeout: float | None = None,
        logger: logging.Logger | None = None,
        driver: Driver | None = None,
        telemetry: Telemetry = OFF,
    ) -> None:
        self._options = options
        self._timeout = options.seconds if timeout is None else timeout
        self._logger = logger or logging.getLogger("sentri")
        self._driver = driver or driver_for(options.dialect)
        self._telemetry = telemetry
        self._system = {"db.system.name": system_name(options.dialect)}
        self._client: Any = None
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def dialect(self) -> Dialect:
        """`"postgres"`, `"mysql"` (MariaDB too) or `"sqlite"`."""
        return self._options.dialect

    @property
    def opened(self) -> bool:
        """Whether `open` succeeded and `close` was not called."""
        return self._client is not None

    @property
    def options(self) -> DatabaseOptions:
        """Where the database is."""
        return self._options

    @property
    def timeout(self) -> float:
        """Seconds for one unit or call."""
        return self._timeout

    @property
    def logger(self) -> logging.Logger:
        """Where failures are told."""
        return self._logger

    @property
    def driver(self) -> Driver:
        """The dialect's SQL and its values, for the stores."""
        return self._driver

    async def open(self) -> None:
        """Connect. Raises `SERVICE_UNAVAILABLE` when nobody answers, `ConfigurationError` when we are refused."""
        if self.opened:
            return
        client = self._driver.client(self._options, self._timeout)
        try:
            async with asyncio.timeout(self._timeout):
                await self._connect(client)
        except BaseException as error:
            await _parted(client.close())
            if not isinstance(error, Exception):
                raise
            failure = self._translated(error, opening=True)
        else:
            await self._keep(client)
            return
        raise failure  # here, outside of `except`: not even its context may hold the driver's message

    async def close(self) -> None:
        """Wait for what is running, at most the time-out, then let go of every connection. Safe to repeat."""
        client, self._client = self._client, None
        if client is None:
            return
        await finish(self._running, within=self._timeout)
        await _parted(client.close())

    async def unit(self, work: Work[T], *, within: float | None = None) -> T:
        """Run `work(session)` in one transaction: all of it happens, or nothing.

        After a deadlock the work is run again from its start: it must have no effect but on its session. `within`
        (seconds) takes the place of the time-out.
        """
        return await self._alone(self._attempts(work, transaction=True, within=within or self._timeout))

    async def call(self, work: Work[T], *, within: float | None = None, told: bool = True) -> T:
        """Run `work(session)` outside a transaction: for one statement, which decides by itself.

        `within` (seconds) takes the place of the time-out. Who asks again and again tells of a failure once, by itself,
        and turns the log line off (`told`).
        """
        return await self._alone(self._attempts(work, transaction=False, within=within or self._timeout, told=told))

    async def _alone(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._running.add(task)
        if self._telemetry.on:
            self._telemetry.add("sentri.database.work", 1, self._system)
        task.add_done_callback(self._finished)
        await asyncio.wait((task,))  # unlike `await task`: when this wait is cancelled, the task goes on
        if task.cancelled():  # by `close`
            raise unavailable()
        return task.result()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if self._telemetry.on:
            self._telemetry.add("sentri.database.work", -1, self._system)
        if not task.cancelled():
            task.exception()  # seen: perhaps nobody waits for it any more

    async def _attempts(self, work: Work[T], *, transaction: bool, within: float, told: bool = True) -> T:
        try:
            async with asyncio.timeout(within):
                return await self._repeated(work, transaction=transaction)
        except Exception as error:
            failure = self._translated(error, told=told)
            if failure is error:
                raise
        raise failure  # as in `open`

    async def _repeated(self, work: Work[T], *, transaction: bool) -> T:
        for attempt in counting(1):
            try:
                return await self._attempt(work, transaction=transaction)
            except Exception as error:
                fault = self._driver.fault(error)
                if fault is None or fault.nature is not Nature.CONFLICT or attempt == _ATTEMPTS:
                    raise
            await asyncio.sleep(random.uniform(0.001, 0.01) * attempt)  # noqa: S311 - so that two do not meet again
        raise AssertionError  # the count has no end

    async def _attempt(self, work: Work[T], *, transaction: bool) -> T:
        if self._client is None:
            self._logger.warning("the database is not open, or closed already")
            raise unavailable()
        async with self._client.acquire_connection() as connection:
            session = self._driver.session(connection)
            try:
                for statement in self._driver.begin if transaction else ():
                    await session.run(statement)
                result = await work(session)
                if transaction:
                    await session.run("COMMIT")
            except BaseException as error:
                await self._leave(connection, reported=isinstance(error, Exception))
                raise
            return result

    async def _leave(self, connection: Any, *, reported: bool) -> None:
        """Roll back what failed and was `reported`. What was cancelled, by the time-out or by `close`, perhaps in the
        middle of an answer, is dropped, be it this rollback.
        """
        rolled_back = False
        try:
            rolled_back = reported and await _parted(self._driver.roll_back(connection))
        finally:
            if not rolled_back:
                await _parted(self._driver.drop(connection))

    async def _keep(self, client: Any) -> None:
        if self._client is None:
            self._client = client
        else:  # two opened at once, and the other was faster
            await _parted(client.close())

    async def _connect(self, client: Any) -> None:
        for attempt in counting(1):
            try:
                await client.create_connection(with_db=True)
                async with client.acquire_connection():  # a pool alone proves nothing
                    return
            except Exception as error:
                fault = self._fault(error)
                if fault is None or fault.nature is not Nature.CONFLICT or attempt == _ATTEMPTS:
                    raise
            # Several processes that switch a new SQLite file to WAL at once: SQLite does not make them wait.
            await client.close()
            await asyncio.sleep(random.uniform(0.005, 0.05) * attempt)  # noqa: S311 - as above

    def _fault(self, error: BaseException | None) -> Fault | None:
        if isinstance(error, DBConnectionError):  # Tortoise's, around the driver's
            error = error.__cause__ or error.__context__
        if error is None:
            return Fault(Nature.UNAVAILABLE, DBConnectionError.__name__)
        if fault := self._driver.fault(error):
            return fault
        if isinstance(error, TimeoutError | OSError):
            return Fault(Nature.UNAVAILABLE, type(error).__name__)
        return None

    def _translated(self, error: Exception, *, opening: bool = False, told: bool = True) -> Exception:
        fault = self._fault(error)
        if fault is None:
            return error  # of the work itself
        match fault.nature:
            case Nature.TAKEN:
                return UniqueViolation(fault)
            case Nature.REFERENCED:
                return StillReferenced(fault)
            case Nature.WRONG:
                return StorageError(fault)
            case Nature.REFUSED if opening:
                return ConfigurationError(f"db: {self._options.shown} refuses the connection ({fault})")
        if told:
            self._logger.error("the database does not answer: %s", fault)
        return unavailable()


async def _parted(farewell: Awaitable[Any]) -> bool:
    """Whether the last thing that is said to a connection was said in time and without an error."""
    try:
        async with asyncio.timeout(_PARTING):
            await farewell
    except Exception:  # noqa: BLE001 - it is being given up
        return False
    return True
