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
    """Delete the sessions that have expired, and where users have logged in from 90 days ago and not since.

    In small batches: running servers notice nothing. They do it by themselves, too, a batch now and then.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    async with opened(auth, settings):
        purged = await auth.accounts.purge()
    place = database_shown(settings)
    asyncclick.echo(f"{_told(purged.sessions, 'expired session')} deleted ({place}).")
    if purged.addresses:
        asyncclick.echo(f"{_told(purged.addresses, 'old address of a login', 'old addresses of logins')} deleted ({place}).")


def _told(count: int, one: str, many: str | None = None) -> str:
    return f"1 {one} was" if count == 1 else f"{count} {many or one + 's'} were"
