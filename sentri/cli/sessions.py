"""`sentri sessions`: what there is to do about sessions."""

from __future__ import annotations

from dataclasses import asdict

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, database_shown, opened, settings_of
from sentri.cli.options import database_url
from sentri.cli.showing import json_option, print_json

__all__ = ["sessions"]


@asyncclick.group()
def sessions() -> None:
    """Administer sessions."""


@sessions.command()
@database_url
@json_option
async def purge(database_url: str | None, *, as_json: bool) -> None:
    """Delete the sessions that have expired, and where users have logged in from 90 days ago and not since.

    In small batches: running servers notice nothing. They do it by themselves, too, a batch now and then.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    async with opened(auth, settings):
        purged = await auth.accounts.purge()
    if as_json:
        print_json(asdict(purged))
        return
    place = database_shown(settings)
    asyncclick.echo(f"{_told(purged.sessions, 'expired session')} deleted ({place}).")
    if purged.addresses:
        asyncclick.echo(
            f"{_told(purged.addresses, 'old address of a login', 'old addresses of logins')} deleted ({place})."
        )


def _told(count: int, one: str, many: str | None = None) -> str:
    return f"1 {one} was" if count == 1 else f"{count} {many or one + 's'} were"
