"""`sentri users set-password`, `roles`, `disable`, `enable` and `delete`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncclick

from sentri.cli.opening import administered, settings_of
from sentri.cli.options import database_url
from sentri.cli.passwords import asked_password, interruptible
from sentri.cli.showing import is_terminal, json_option, print_json
from sentri.cli.users.creating import check_roles
from sentri.cli.users.finding import as_dict, user_named

if TYPE_CHECKING:
    from sentri.accounts.administration.records import UserInfo

__all__ = ["delete", "disable", "enable", "roles", "set_password"]

_user = asyncclick.argument("user")


@asyncclick.command("set-password", short_help="Give a user another password.")
@_user
@database_url
@json_option
async def set_password(user: str, database_url: str | None, *, as_json: bool) -> None:
    """Give a user another password, and end every session of theirs.

    It comes from a prompt, or, where standard input is no terminal, from its first line.
    """
    password = await asked_password()
    async with administered(database_url) as auth:
        found = await user_named(auth, user)
        await auth.users.set_password(found.id, password)
    _tell(found, "has a new password, and is logged out everywhere", as_json=as_json)


@asyncclick.command()
@_user
@asyncclick.option("--add", multiple=True, metavar="ROLE", help="Give this one, too. May be repeated.")
@asyncclick.option("--remove", multiple=True, metavar="ROLE", help="Take this one away. May be repeated.")
@asyncclick.option("--clear", is_flag=True, help="Take every role away.")
@asyncclick.option("--set", "only", multiple=True, metavar="ROLE", help="Give these and no others. May be repeated.")
@database_url
@json_option
async def roles(
    user: str,
    add: Sequence[str],
    remove: Sequence[str],
    only: Sequence[str],
    database_url: str | None,
    *,
    clear: bool,
    as_json: bool,
) -> None:
    """Change the roles of a user. They count from the next request on."""
    if [bool(add or remove), bool(only), clear].count(True) != 1:
        raise asyncclick.UsageError("Give --add and --remove, or --set alone, or --clear alone.")
    settings = settings_of(database_url=database_url)
    for option, roles in (("--add", add), ("--remove", remove), ("--set", only)):
        check_roles(roles, settings, option=option)
    async with administered(database_url) as auth:
        found = await user_named(auth, user)
        if only or clear:
            found = await auth.users.set_roles(found.id, only)
        if add:
            found = await auth.users.add_roles(found.id, add)
        if remove:
            found = await auth.users.remove_roles(found.id, remove)
    _tell(found, f"has the roles {' '.join(found.roles)}" if found.roles else "has no role", as_json=as_json)


@asyncclick.command()
@_user
@database_url
@json_option
async def disable(user: str, database_url: str | None, *, as_json: bool) -> None:
    """Let a user log in no more, and end every session of theirs."""
    async with administered(database_url) as auth:
        found = await auth.users.disable((await user_named(auth, user)).id)
    _tell(found, "is disabled, and logged out everywhere", as_json=as_json)


@asyncclick.command()
@_user
@database_url
@json_option
async def enable(user: str, database_url: str | None, *, as_json: bool) -> None:
    """Let a user log in again who was disabled."""
    async with administered(database_url) as auth:
        found = await auth.users.enable((await user_named(auth, user)).id)
    _tell(found, "can log in", as_json=as_json)


@asyncclick.command()
@_user
@asyncclick.option("--yes", is_flag=True, help="Do not ask.")
@database_url
@json_option
async def delete(user: str, database_url: str | None, *, yes: bool, as_json: bool) -> None:
    """Delete a user, with their sessions. On a terminal it asks first; elsewhere it needs --yes."""
    if not yes and not is_terminal(sys.stdin):
        raise asyncclick.UsageError("Nobody can be asked here: give --yes.")
    async with administered(database_url) as auth:
        found = await user_named(auth, user)
    if not yes:
        with interruptible():
            asyncclick.confirm(f"Delete {found.identifier}?", abort=True, err=True)
    async with administered(database_url) as auth:  # again: an open one keeps Ctrl-C from ending the question
        await auth.users.delete(found.id)
    _tell(found, "is deleted", as_json=as_json)


def _tell(user: UserInfo, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(user))
    else:
        asyncclick.echo(f"{user.identifier} {what}.")
