"""`sentri migrate`."""

from __future__ import annotations

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, opened, settings_of
from sentri.cli.options import database_url

__all__ = ["migrate"]


@asyncclick.command()
@database_url
async def migrate(database_url: str | None) -> None:
    """Create the tables, or upgrade them.

    Safe to repeat, and safe in any number of processes at once: one applies, the others wait.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    async with opened(auth, settings):
        applied = await auth.migrate()
    asyncclick.echo("\n".join(f"Applied {name}" for name in applied) or "Nothing to do.")
