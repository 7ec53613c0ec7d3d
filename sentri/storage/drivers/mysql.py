"""MySQL and MariaDB through asyncmy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, cast

from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import Dialect
from sentri.errors import ConfigurationError
from sentri.storage.drivers.driver import Row
from sentri.storage.failures import Fault, Nature
from sentri.storage.values import MysqlValues, Values

try:
    from asyncmy import errors
    from asyncmy.constants.CLIENT import FOUND_ROWS
    from asyncmy.cursors import DictCursor
except ImportError:
    # Before Tortoise is asked for its client: without asyncmy it would take aiomysql, which corrupts bytes.
    raise ConfigurationError('db: MySQL and MariaDB need asyncmy: pip install "sentri-auth[mysql]"') from None

from sentri.storage.drivers.mysql_pool import PooledClient  # asyncmy must be there first

__all__ = ["MysqlDriver"]

# https://dev.mysql.com/doc/mysql-errors/8.0/en/ and https://mariadb.com/kb/en/mariadb-error-code-reference/
_NATURES: Final = {
    1022: Nature.TAKEN,
    1062: Nature.TAKEN,
    1586: Nature.TAKEN,
    1216: Nature.REFERENCED,  # 1216 and 1217: in the words for somebody who may not see the other table
    1217: Nature.REFERENCED,
    1451: Nature.REFERENCED,
    1452: Nature.REFERENCED,
    1020: Nature.CONFLICT,  # MariaDB: record has changed since last read
    1213: Nature.CONFLICT,  # deadlock: InnoDB rolled the transaction back
    1412: Nature.CONFLICT,  # a migration has changed the table
    3101: Nature.CONFLICT,  # MySQL group replication: rolled back at the commit
    1044: Nature.REFUSED,  # access denied to the database
    1045: Nature.REFUSED,  # access denied
    1049: Nature.REFUSED,  # unknown database
    1130: Nature.REFUSED,  # not from this host
    1698: Nature.REFUSED,  # access denied to whoever gives no password
    3118: Nature.REFUSED,  # MySQL: account locked
    4151: Nature.REFUSED,  # MariaDB: account locked
    1021: Nature.UNAVAILABLE,  # disk full
    1026: Nature.UNAVAILABLE,  # a file cannot be written
    1030: Nature.UNAVAILABLE,  # an error of the storage engine
    1037: Nature.UNAVAILABLE,  # out of memory
    1040: Nature.UNAVAILABLE,  # too many connections
    1041: Nature.UNAVAILABLE,  # out of resources
    1043: Nature.UNAVAILABLE,  # bad handshake
    1047: Nature.UNAVAILABLE,  # Galera: the node is not ready
    1053: Nature.UNAVAILABLE,  # shutdown in progress
    1077: Nature.UNAVAILABLE,  # normal shutdown
    1079: Nature.UNAVAILABLE,  # shutdown complete
    1114: Nature.UNAVAILABLE,  # table or disk full
    1129: Nature.UNAVAILABLE,  # this host is blocked: too many connections were broken off
    1135: Nature.UNAVAILABLE,  # no thread for the connection
    1152: Nature.UNAVAILABLE,  # aborted connection
    1158: Nature.UNAVAILABLE,  # 1158 to 1161: the network
    1159: Nature.UNAVAILABLE,
    1160: Nature.UNAVAILABLE,
    1161: Nature.UNAVAILABLE,
    1180: Nature.UNAVAILABLE,  # an error during the commit
    1184: Nature.UNAVAILABLE,  # aborted connection
    1203: Nature.UNAVAILABLE,  # too many connections of this user
    1205: Nature.UNAVAILABLE,  # lock wait timeout
    1206: Nature.UNAVAILABLE,  # too many locks
    1226: Nature.UNAVAILABLE,  # user has exceeded a resource
    1290: Nature.UNAVAILABLE,  # read only: a primary that became a replica
    1317: Nature.UNAVAILABLE,  # query interrupted
    1637: Nature.UNAVAILABLE,  # too many transactions
    1792: Nature.UNAVAILABLE,  # read only transaction
    1836: Nature.UNAVAILABLE,  # read only mode
    1927: Nature.UNAVAILABLE,  # MariaDB: connection was killed
    1969: Nature.UNAVAILABLE,  # MariaDB: max_statement_time
    3024: Nature.UNAVAILABLE,  # MySQL: max_execution_time
    3032: Nature.UNAVAILABLE,  # MySQL: offline mode
    4031: Nature.UNAVAILABLE,  # MySQL: ended for having been idle
}
_SQL_MODE: Final = "STRICT_TRANS_TABLES"
"""Of our sessions, whatever the server's is. asyncmy writes values into the statement: bytes, as identifier keys are,
always with backslashes, which NO_BACKSLASH_ESCAPES would make plain characters, and an identifier with a quote a piece
of the statement. Tortoise has the same default; too much hangs on it to leave it there. Strict: nothing is cut to fit.
"""
_DONE_ALREADY: Final = {
    "1050",  # the table exists
    "1060",  # the column exists
    "1061",  # the index exists
    "1091",  # what was to be dropped is not there
    "1826",  # the foreign key exists
}


class MysqlSession:
    """An asyncmy connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, sql: str, *values: Any) -> int:
        with self._read_to_its_end():
            async with self._connection.cursor() as cursor:
                return int(await cursor.execute(sql, values or None))

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        with self._read_to_its_end():
            async with self._connection.cursor(DictCursor) as cursor:
                await cursor.execute(sql, values or None)
                return cast("Sequence[Row]", await cursor.fetchall())

    async def row(self, sql: str, *values: Any) -> Row | None:
        rows = await self.rows(sql, *values)
        return rows[0] if rows else None

    @contextmanager
    def _read_to_its_end(self) -> Iterator[None]:
        """Close the connection of an answer of which there is a rest: the next statement would take it for its own.

        An error that the server reports is a whole answer. Any other is asyncmy's, from the middle of one.
        """
        try:
            yield
        except Exception as error:
            if not (isinstance(error, errors.MySQLError) and _is_reported(_number(error))):
                self._connection.close()
            raise


class MysqlDriver:
    """How sentri speaks to MySQL and MariaDB.

    READ COMMITTED, not the default REPEATABLE READ: what decides here are conditional writes and locking reads,
    which see the latest rows in both; but REPEATABLE READ also locks the gaps between them, so that log-ins and
    log-outs of different users would deadlock, and a loser would re-read its old snapshot.
    """

    dialect: Dialect = "mysql"
    values: Values = MysqlValues()
    returns = False
    key = "u.identifier_key"
    has_role = "JSON_CONTAINS(u.roles, ?)"
    has_part = "INSTR(u.identifier_key, ?) > 0"
    begin: Sequence[str] = ("START TRANSACTION",)
    planning_afresh: Sequence[str] = ()

    def client(self, options: DatabaseOptions, timeout: float) -> Any:
        extra: dict[str, Any] = {}
        if options.ssl:
            given = isinstance(options.ssl, ssl.SSLContext)
            extra["ssl"] = options.ssl if given else ssl.create_default_context()
        return PooledClient(
            connection_name="sentri",
            user=cast("str", options.user),
            # asyncmy encodes it as Latin-1, and servers compare the bytes of UTF-8.
            password=(options.password or "").encode().decode("latin-1"),
            database=options.database,
            host=options.host or "127.0.0.1",
            port=options.port or 3306,
            charset="utf8mb4",
            maxsize=options.max,
            connect_timeout=timeout,
            # Row counts as the other databases have them: rows that matched, not only those whose values differ.
            client_flag=FOUND_ROWS,
            sql_mode=f"'{_SQL_MODE}'",
            init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            **extra,
        )

    def session(self, connection: Any) -> MysqlSession:
        return MysqlSession(connection)

    def sql(self, text: str, **parts: str) -> str:
        # LOCK IN SHARE MODE: MariaDB does not know FOR SHARE, MySQL 8 knows both.
        locks = {
            "for_update": "FOR UPDATE",
            "for_share": "LOCK IN SHARE MODE",
            "skip_locked": "FOR UPDATE SKIP LOCKED",
        }
        return text.format(**locks, **parts).replace("?", "%s")

    def among(self, count: int, kind: Literal["uuid", "text"] = "uuid") -> str:  # noqa: ARG002 - ids are text here
        return "= ?" if count == 1 else f"IN ({', '.join('?' * count)})"

    def ids(self, ids: Sequence[str]) -> Sequence[Any]:
        return ids

    def fault(self, error: BaseException) -> Fault | None:
        if isinstance(error, errors.MySQLError):
            number = _number(error)
            if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
                # asyncmy says "can't connect": whoever reads the log has to know that somebody is there.
                return Fault(Nature.UNAVAILABLE, type(error.__cause__ or error.__context__).__name__, str(number))
            lost = Nature.WRONG if _is_reported(number) else Nature.UNAVAILABLE
            return Fault(_NATURES.get(number, lost), type(error).__name__, str(number))
        return None

    def done_already(self, error: Exception) -> bool:
        fault = self.fault(error)
        return fault is not None and fault.code in _DONE_ALREADY

    async def roll_back(self, connection: Any) -> None:
        if connection.get_transaction_status():
            await connection.rollback()

    async def drop(self, connection: Any) -> None:
        connection.close()


def _number(error: errors.MySQLError) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _is_reported(number: int) -> bool:
    """Whether the server said it. From 2000 to 2999 are the client library's own, and asyncmy has some without one."""
    return number > 0 and not 2000 <= number < 3000
