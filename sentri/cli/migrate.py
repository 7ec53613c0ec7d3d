"""`sentri migrate`."""

from __future__ import annotations

import asyncclick

from sentri.cli.failures import FOUND_SOMETHING
from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, database_shown, is_missing, opened, settings_of
from sentri.cli.options import database_url
from sentri.cli.showing import json_option, print_json
from sentri.config.database import read_database
from sentri.config.environment import Settings
from sentri.errors import ConfigurationError, SentriError

__all__ = ["migrate"]


@asyncclick.command()
@database_url
@asyncclick.option("--check", is_flag=True, help="Change nothing; end with 3 where something is to be applied.")
@json_option
async def migrate(database_url: str | None, *, check: bool, as_json: bool) -> None:
    """Create the tables, or upgrade them.

    Safe to repeat, and safe in any number of processes at once: one applies, the others wait.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    if check:
        await _check(settings, as_json=as_json)
        return
    async with opened(auth, settings, may_make=True):
        applied = await auth.migrate()
    if as_json:
        print_json({"applied": applied})
    else:
        asyncclick.echo("\n".join(f"Applied {name}" for name in applied) or "Nothing to do.")


async def _check(settings: Settings, *, as_json: bool) -> None:
    pending, unknown = await _state(settings)
    if as_json:
        print_json({"pending": pending, "unknown": unknown})
    else:
        newer = [f"{name} is of a newer version" for name in unknown]
        asyncclick.echo("\n".join([*(f"Not applied: {name}" for name in pending), *newer]) or "Nothing to do.")
    if pending:
        raise asyncclick.exceptions.Exit(FOUND_SOMETHING)


async def _state(settings: Settings) -> tuple[list[str], list[str]]:
    """What is to be applied, and what only a newer version knows. No file is made for it."""
    from sentri.storage import Database  # noqa: PLC0415 - here alone: `sentri --help` loads no database
    from sentri.storage.inspecting import state_of_migrations  # noqa: PLC0415 - as above
    from sentri.storage.migration_files import migrations_for  # noqa: PLC0415 - as above

    if is_missing(settings):
        return [migration.name for migration in await migrations_for("sqlite")], []
    database = Database(read_database(settings.options["db"]))
    try:
        await database.open()
        state = await state_of_migrations(database)
    except ConfigurationError as error:
        raise ConfigurationError(settings.in_own_words(error.message)) from None
    except SentriError as error:
        raise SentriError(error.code, f"{database_shown(settings)} does not answer.") from None
    finally:
        await database.close()
    return list(state.pending), list(state.unknown)
