"""`sentri users list` and `show`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncclick

from sentri.cli.opening import administered
from sentri.cli.options import database_url
from sentri.cli.showing import json_option, print_json, show_table
from sentri.cli.users.finding import HEADINGS, as_dict, as_row, user_named

if TYPE_CHECKING:
    from sentri.accounts.administration.records import UserInfo
    from sentri.server.auth import AuthServer

__all__ = ["list_", "show"]

_PAGE = 100


@asyncclick.command("list")
@asyncclick.option("--search", metavar="TEXT", help="What the identifier begins with.")
@asyncclick.option("--contains", metavar="TEXT", help="What the identifier has in it, anywhere.")
@asyncclick.option("--role", help="A role that they have.")
@asyncclick.option("--disabled/--enabled", default=None, help="Only those who can't log in, or who can.")
@asyncclick.option("--limit", type=asyncclick.IntRange(1), default=50, help="How many at most [default: 50].")
@database_url
@json_option
async def list_(database_url: str | None, limit: int, *, as_json: bool, **wanted: Any) -> None:
    """List users, in the order of their identifiers."""
    async with administered(database_url) as auth:
        users = _users(auth, wanted)
        found = [user async for user in _first(users, limit + 1)]
    if as_json:
        print_json([as_dict(user) for user in found[:limit]])
        return
    show_table(HEADINGS, [as_row(user) for user in found[:limit]])
    if len(found) > limit:
        asyncclick.echo(f"There are more than {limit}: --limit shows them, --search finds one.", err=True)


@asyncclick.command()
@asyncclick.argument("user")
@database_url
@json_option
async def show(user: str, database_url: str | None, *, as_json: bool) -> None:
    """Show one user, by id or identifier."""
    async with administered(database_url) as auth:
        found = await user_named(auth, user)
    if as_json:
        print_json(as_dict(found))
    else:
        show_table(HEADINGS, [as_row(found)])


async def _users(auth: AuthServer, wanted: dict[str, Any]) -> AsyncIterator[UserInfo]:
    """All of them, page by page: a page may be short, and others follow."""
    cursor = None
    while True:
        page = await auth.users.list(**wanted, limit=_PAGE, cursor=cursor)
        for user in page.items:
            yield user
        cursor = page.next_cursor
        if cursor is None:
            return


async def _first(users: AsyncIterator[UserInfo], most: int) -> AsyncIterator[UserInfo]:
    count = 0
    async for user in users:
        yield user
        count += 1
        if count == most:
            return
