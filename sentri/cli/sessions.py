"""`sentri sessions`: what there is to do about sessions."""

from __future__ import annotations

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, database_shown, opened, settings_of
from sentri.cli.options import database_url

__all__ = ["sessions"]


@asyncclick.group()
def sessions() -> None:
    """Administer sessions."""


@sessions.command()
@database_url
async def purge(database_url: str | None) -> None:
    """Delete the sessions that have expired.

    In small batches: running servers notice nothing. They do it by themselves, too, a batch now and then.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    async with opened(auth, settings):
        purged = await auth.accounts.purge_sessions()
    told = "1 expired session was" if purged == 1 else f"{purged} expired sessions were"
    asyncclick.echo(f"{told} deleted ({database_shown(settings)}).")
