"""`sentri users list` and `show`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import asyncclick

from sentri.cli.opening import administered
from sentri.cli.options import database_url
from sentri.cli.showing import json_option, print_json, print_json_list, show_table
from sentri.cli.users.finding import HEADINGS, as_dict, as_row, user_named

if TYPE_CHECKING:
    from sentri.accounts.administration.records import UserInfo
    from sentri.server.auth import AuthServer

__all__ = ["list_", "show"]

_PAGE: Final = 100
_LIMIT: Final = 50


@asyncclick.command("list")
@asyncclick.option("--search", metavar="TEXT", help="What the identifier begins with.")
@asyncclick.option("--contains", metavar="TEXT", help="What the identifier has in it, anywhere.")
@asyncclick.option("--role", help="A role that they have.")
@asyncclick.option("--disabled/--enabled", default=None, help="Only those who can't log in, or who can.")
@asyncclick.option("--limit", type=asyncclick.IntRange(1), help=f"How many at most [default: {_LIMIT}].")
@asyncclick.option("--all", "every", is_flag=True, help="All of them, however many there are.")
@database_url
@json_option
async def list_(database_url: str | None, limit: int | None, *, every: bool, as_json: bool, **wanted: Any) -> None:
    """List users, in the order of their identifiers. They are printed as they are read, a page at a time."""
    if every and limit is not None:
        raise asyncclick.UsageError("Give --all or --limit, not both.")
    most = limit or _LIMIT
    async with administered(database_url) as auth:
        users = _users(auth, wanted)
        chosen = users if every else _first(users, most)
        if as_json:
            await print_json_list(as_dict(user) async for user in chosen)
            return
        await _show(chosen)
        if not every and await anext(users, None) is not None:
            asyncclick.echo(f"There are more than {most}: --all shows them, --search finds one.", err=True)


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


async def _show(users: AsyncIterator[UserInfo]) -> None:
    """Tables of a page each, under one line of headings."""
    rows: list[tuple[str, ...]] = []
    shown = False
    async for user in users:
        rows.append(as_row(user))
        if len(rows) == _PAGE:
            show_table(HEADINGS, rows, more=shown)
            rows, shown = [], True
    if rows or not shown:
        show_table(HEADINGS, rows, more=shown)


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
