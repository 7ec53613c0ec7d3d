"""From settings to an auth object that is open."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncclick

from sentri.cli.logs import write_logs
from sentri.config.database import read_database
from sentri.config.environment import Settings, read_environment
from sentri.creating import create_auth, create_auth_server
from sentri.errors import ConfigurationError, SentriError

if TYPE_CHECKING:
    from sentri.server.auth import AuthServer

__all__ = ["administered", "auth_of", "database_shown", "is_missing", "opened", "settings_of"]


def settings_of(**arguments: Any) -> Settings:
    """The settings of this process: its arguments, then its environment, then the defaults."""
    return read_environment(os.environ, **arguments)


def auth_of(settings: Settings) -> AuthServer:
    """The auth object. Raises `CONFIGURATION_ERROR`: one message, which names variables and arguments."""
    findings = list(settings.findings)
    try:
        auth = _create(settings)
    except ConfigurationError as error:
        findings.append(settings.in_own_words(error.message))
    else:
        if not findings:
            return auth
    raise ConfigurationError("; ".join(findings))


@asynccontextmanager
async def opened(auth: AuthServer, settings: Settings, *, may_make: bool = False) -> AsyncIterator[None]:
    """The auth object, open; what goes wrong with its database names the database.

    Args:
        auth: to be opened.
        settings: what it was made of.
        may_make: make a SQLite file that is missing. Without it that is an error: whoever asks for users in the wrong
            folder is not told that there are none, and leaves no empty file behind.
    """
    if not may_make and is_missing(settings):
        raise asyncclick.ClickException(f"no database at {database_shown(settings)}; run `sentri migrate`")
    os.umask(0o077)  # a new SQLite file holds password hashes: it is its owner's alone
    try:
        async with auth:
            yield
    except ConfigurationError as error:
        raise ConfigurationError(settings.in_own_words(error.message)) from None
    except SentriError as error:
        if error.code != "SERVICE_UNAVAILABLE":
            raise
        raise SentriError(error.code, f"{database_shown(settings)} does not answer.") from None


@asynccontextmanager
async def administered(database_url: str | None, *, may_make: bool = False) -> AsyncIterator[AuthServer]:
    """The auth object of this process's settings, open, for commands that look after what is in its database.

    With `may_make`, one that is missing is made, and so are its tables, unless the settings forbid it.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    async with opened(auth, settings, may_make=may_make):
        if may_make and settings.options.get("migrate_on_startup", True):
            await auth.migrate()
        yield auth


def is_missing(settings: Settings) -> bool:
    """Whether the database is a SQLite file that does not exist. For settings that `auth_of` took."""
    options = read_database(settings.options["db"])
    return options.dialect == "sqlite" and options.database != ":memory:" and not Path(options.database).exists()


def database_shown(settings: Settings) -> str:
    """Where the database is, without user information and query. For settings that `auth_of` took."""
    return read_database(settings.options["db"]).shown


def _create(settings: Settings) -> AuthServer:
    options: dict[str, Any] = dict(settings.options)
    own_keys = "secret" in options or "algorithm" in options
    return create_auth(**options) if own_keys else create_auth_server(**options)
