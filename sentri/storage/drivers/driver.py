"""What `Database` asks of a driver. Tortoise's clients and the drivers' connections are `Any`: they stay in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import Dialect
from sentri.storage.failures import Fault
from sentri.storage.values import Values

__all__ = ["Driver", "ReturningSession", "Row", "Session", "quoted"]

Row = Mapping[str, Any]


class Session(Protocol):
    """One connection, held for one piece of work. Exceptions are the driver's own: `Database` translates them."""

    async def run(self, sql: str, *values: Any) -> int:
        """Execute a statement; how many rows it matched or wrote."""
        ...

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        """Execute a query; its rows, which answer to column names."""
        ...

    async def row(self, sql: str, *values: Any) -> Row | None:
        """Execute a query; its first row."""
        ...


class ReturningSession(Session, Protocol):
    """The session of a driver that `returns`."""

    async def returned(self, sql: str, values: Sequence[Sequence[Any]]) -> Sequence[Row]:
        """Execute a statement that ends with RETURNING for each of the values, in their order: all of it happens, or
        nothing. What it returned, for all of them together.
        """
        ...


class Driver(Protocol):
    """One kind of database."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def values(self) -> Values:
        """How values look in its columns."""
        ...

    @property
    def returns(self) -> bool:
        """Whether its sessions are `ReturningSession`s: one round trip for many values, and for what they returned."""
        ...

    @property
    def begin(self) -> Sequence[str]:
        """The statements that open a transaction."""
        ...

    @property
    def planning_afresh(self) -> Sequence[str]:
        """Statements after which, to the end of the transaction, each query is planned for its own values and for the
        table as it is: where there are many that make it grow.
        """
        ...

    def client(self, options: DatabaseOptions, timeout: float) -> Any:
        """Tortoise's client for this database, not connected yet. Time-out in seconds."""
        ...

    def session(self, connection: Any) -> Session:
        """Our session on a connection that the client lent."""
        ...

    def sql(self, text: str, **parts: str) -> str:
        """The dialect's own statement, from one written with `?`, `{for_update}`, `{for_share}`, `{skip_locked}` (which
        locks the rows that nobody else holds, and leaves the others out) and `{parts}`.
        """
        ...

    @property
    def key(self) -> str:
        """The identifier key of the user `u`, compared and sorted by its bytes."""
        ...

    @property
    def has_role(self) -> str:
        """The condition that a role, given as `values.roles([role])`, is among those of the user `u`."""
        ...

    @property
    def has_part(self) -> str:
        """The condition that a text, given as a key, is a part of the key of the user `u`."""
        ...

    def among(self, count: int, kind: Literal["uuid", "text"] = "uuid") -> str:
        """`= ?`, or the condition that holds for any of `count` ids in a column of this kind, in the dialect's SQL."""
        ...

    def ids(self, ids: Sequence[str]) -> Sequence[Any]:
        """The values that go with `among`."""
        ...

    def fault(self, error: BaseException) -> Fault | None:
        """What the driver's exception means; None for exceptions that are not the driver's."""
        ...

    def done_already(self, error: Exception) -> bool:
        """Whether a DDL statement failed because its effect is there: where DDL commits, from a run that was killed."""
        ...

    async def roll_back(self, connection: Any) -> None:
        """End a transaction that may be open, after an error that the server reported."""
        ...

    async def drop(self, connection: Any) -> None:
        """Make sure that nobody uses a connection again that was left in the middle of a statement."""
        ...


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
