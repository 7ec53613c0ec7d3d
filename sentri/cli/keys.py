"""`sentri keys`: list, rotate and retire the signing keys that are kept in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, database_shown, is_missing, opened, settings_of
from sentri.cli.options import database_url
from sentri.cli.showing import instant, json_option, print_json, show_table
from sentri.config.database import read_database
from sentri.config.environment import Settings
from sentri.errors import ConfigurationError, SentriError

if TYPE_CHECKING:
    from sentri import KeyInfo
    from sentri.keys.facade import ServerKeys

__all__ = ["keys"]

_WHICH: Final = (
    "SENTRI_DATABASE_URL or --database-url says which database is the server's, `sentri migrate` upgrades it"
)
_HEADINGS: Final = ("KID", "PURPOSE", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL")


@asyncclick.group()
def keys() -> None:
    """Administer the signing keys that are kept in the database.

    Give these commands the settings of the server, SENTRI_KEY_ENCRYPTION_SECRET among them. Running servers notice
    within seconds what they did.
    """


@keys.command("list")
@database_url
@json_option
async def list_(database_url: str | None, *, as_json: bool) -> None:
    """Show every key and what it is for. Times are UTC."""
    async with _opened(database_url) as (keys, _):
        infos = await keys.list()
    if as_json:
        print_json([asdict(info) for info in infos])
    else:
        show_table(_HEADINGS, [_row(info) for info in infos])


@keys.command()
@database_url
@json_option
async def rotate(database_url: str | None, *, as_json: bool) -> None:
    """Make the key that signs next.

    It is published from now on, and signs as soon as every client knows it. Where one is waiting already, nothing is
    made.
    """
    async with _opened(database_url) as (keys, place):
        key = await keys.rotate()
    if as_json:
        print_json(asdict(key))
    else:
        asyncclick.echo(f"{key.kid} is published, and signs from {instant(key.signs_at)} ({place}).")


@keys.command()
@asyncclick.argument("kid", required=False)
@asyncclick.option("--now", is_flag=True, help="For a leaked key: refuse it at once, and sign with a new one.")
@database_url
@json_option
async def retire(kid: str | None, database_url: str | None, *, now: bool, as_json: bool) -> None:
    """End a key, by default the one that signs access tokens.

    Without --now it leaves in order: one that signs is rotated, one that waits is withdrawn.
    """
    async with _opened(database_url, at_least=1) as (keys, place):
        key = await keys.retire(kid, now=now)
        signing = [other for other in await keys.list() if (other.state, other.purpose) == ("signing", key.purpose)]
    if as_json:
        print_json({"key": asdict(key), "signing": [other.kid for other in signing]})
        return
    asyncclick.echo(f"{_told(key)} ({place})")
    for other in signing if now else ():
        asyncclick.echo(f"{other.kid} signs.")


@asynccontextmanager
async def _opened(database_url: str | None, *, at_least: int = 0) -> AsyncIterator[tuple[ServerKeys, str]]:
    """The keys, and the database that they are in. None is made: in an emergency the wrong one must not say that all
    is done.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    if "key_encryption_secret" not in settings.options:
        raise ConfigurationError(settings.in_own_words("key_encryption_secret is required: it keeps the keys"))
    write_logs()
    await _check_tables(settings, at_least=at_least)
    async with opened(auth, settings):
        yield auth.keys, database_shown(settings)


async def _check_tables(settings: Settings, *, at_least: int) -> None:
    """Raises where the database is not one of a server's, or has fewer keys than it would have."""
    from sentri.storage import Database, SigningKeys  # noqa: PLC0415 - here alone: `sentri --help` loads no database

    options, shown = read_database(settings.options["db"]), database_shown(settings)
    if is_missing(settings):
        raise asyncclick.ClickException(f"{shown} does not exist; {_WHICH}")
    database = Database(options)
    try:
        await database.open()
        store = SigningKeys(database)
        found = len(await store.read()) if await store.ready() else -1
    except SentriError as error:
        raise SentriError(error.code, f"{shown} does not answer.") from None
    finally:
        await database.close()
    if found < at_least:
        raise asyncclick.ClickException(f"{shown} has no {'signing keys' if found == 0 else 'sentri_keys'}; {_WHICH}")


def _told(key: KeyInfo) -> str:
    if key.state == "retired":
        return f"{key.kid} is refused since {instant(key.verifies_until)}"
    return f"{key.kid} signs until {instant(key.retires_at)}, and verifies until {instant(key.verifies_until)}"


def _row(info: KeyInfo) -> tuple[str, ...]:
    ends = map(instant, (info.signs_at, info.retires_at, info.verifies_until))
    return (info.kid, info.purpose, info.algorithm, info.state, *ends)
