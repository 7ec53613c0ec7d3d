"""What differs between PostgreSQL, MySQL/MariaDB and SQLite: one file each, loaded when it is asked for."""

from __future__ import annotations

from sentri.config.database import Dialect
from sentri.storage.drivers.driver import Driver, ReturningSession, Row, Session, quoted

__all__ = ["Driver", "ReturningSession", "Row", "Session", "driver_for", "quoted"]


def driver_for(dialect: Dialect) -> Driver:
    """The driver of a dialect; `ConfigurationError` when its package is not installed.

    The imports stand here because asyncmy is an extra, and because nobody should pay for drivers they do not use.
    """
    match dialect:
        case "postgres":
            from sentri.storage.drivers.postgres import PostgresDriver  # noqa: PLC0415

            return PostgresDriver()
        case "mysql":
            from sentri.storage.drivers.mysql import MysqlDriver  # noqa: PLC0415

            return MysqlDriver()
        case "sqlite":
            from sentri.storage.drivers.sqlite import SqliteDriver  # noqa: PLC0415

            return SqliteDriver()
