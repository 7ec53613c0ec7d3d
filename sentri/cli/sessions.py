"""`sentri sessions`: what there is to do about sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import administered, auth_of, database_shown, opened, settings_of
from sentri.cli.options import database_url
from sentri.cli.showing import instant, json_option, print_json, show_table
from sentri.cli.users.finding import user_named

if TYPE_CHECKING:
    from sentri.accounts.administration.records import SessionInfo
    from sentri.server.auth import AuthServer

__all__ = ["sessions"]

_HEADINGS: Final = ("ID", "LOGGED IN", "LAST SEEN", "EXPIRES", "ADDRESS", "DEVICE")


@asyncclick.group()
def sessions() -> None:
    """Administer sessions."""


@sessions.command(short_help="Delete the sessions that have expired.")
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


@sessions.command("list", short_help="List the sessions of a user.")
@asyncclick.argument("user")
@database_url
@json_option
async def list_(user: str, database_url: str | None, *, as_json: bool) -> None:
    """List the sessions of a user, by id or identifier, the latest login first. Times are UTC."""
    async with administered(database_url) as auth:
        found = [session async for session in _sessions(auth, (await user_named(auth, user)).id)]
    if as_json:
        print_json([asdict(session) for session in found])
    else:
        show_table(_HEADINGS, [_row(session) for session in found])


@sessions.command()
@asyncclick.argument("session", required=False)
@asyncclick.option("--user", help="End every session of this user, by id or identifier.")
@database_url
@json_option
async def revoke(session: str | None, user: str | None, database_url: str | None, *, as_json: bool) -> None:
    """End a session by its id, or with --user every session of somebody."""
    if (session is None) == (user is None):
        raise asyncclick.UsageError("Give the id of a session, or --user.")
    revoked = 1
    async with administered(database_url) as auth:
        if session is not None:
            await auth.sessions.revoke(session)
        elif user is not None:
            revoked = await auth.sessions.revoke_all((await user_named(auth, user)).id)
    if as_json:
        print_json({"revoked": revoked})
    else:
        asyncclick.echo(f"{_told(revoked, 'session')} ended.")


async def _sessions(auth: AuthServer, user_id: str) -> AsyncIterator[SessionInfo]:
    cursor = None
    while True:
        page = await auth.sessions.list(user_id, limit=100, cursor=cursor)
        for session in page.items:
            yield session
        cursor = page.next_cursor
        if cursor is None:
            return


def _row(session: SessionInfo) -> tuple[str, ...]:
    times = map(instant, (session.created_at, session.last_seen_at, session.expires_at))
    return (session.id, *times, session.address or "-", session.device or "-")


def _told(count: int, one: str, many: str | None = None) -> str:
    return f"1 {one} was" if count == 1 else f"{count} {many or one + 's'} were"
