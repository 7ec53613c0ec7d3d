"""`sentri keys`: list, rotate and retire the signing keys that are kept in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, opened, settings_of
from sentri.cli.options import database_url

if TYPE_CHECKING:
    from sentri import KeyInfo
    from sentri.keys.facade import ServerKeys

__all__ = ["keys"]

_HEADINGS: Final = ("KID", "PURPOSE", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL")


@asyncclick.group()
def keys() -> None:
    """Administer the signing keys that are kept in the database.

    Give these commands the settings of the server, SENTRI_KEY_ENCRYPTION_SECRET among them. Running servers notice
    within seconds what they did.
    """


@keys.command("list")
@database_url
async def list_(database_url: str | None) -> None:
    """Show every key and what it is for. Times are UTC."""
    async with _opened(database_url) as keys:
        asyncclick.echo(_table(await keys.list()))


@keys.command()
@database_url
async def rotate(database_url: str | None) -> None:
    """Make the key that signs next.

    It is published from now on, and signs as soon as every client knows it. Where one is waiting already, nothing is
    made.
    """
    async with _opened(database_url) as keys:
        key = await keys.rotate()
    asyncclick.echo(f"{key.kid} is published, and signs from {_shown(key.signs_at)}.")


@keys.command()
@asyncclick.argument("kid", required=False)
@asyncclick.option("--now", is_flag=True, help="For a leaked key: refuse it at once, and sign with a new one.")
@database_url
async def retire(kid: str | None, database_url: str | None, *, now: bool) -> None:
    """End a key, by default the one that signs access tokens.

    Without --now it leaves in order: one that signs is rotated, one that waits is withdrawn.
    """
    async with _opened(database_url) as keys:
        key = await keys.retire(kid, now=now)
        signing = [other for other in await keys.list() if (other.state, other.purpose) == ("signing", key.purpose)]
    asyncclick.echo(_told(key))
    for other in signing if now else ():
        asyncclick.echo(f"{other.kid} signs.")


@asynccontextmanager
async def _opened(database_url: str | None) -> AsyncIterator[ServerKeys]:
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    write_logs()
    async with opened(auth, settings):
        if settings.options.get("migrate_on_startup", True):
            await auth.migrate()
        yield auth.keys


def _told(key: KeyInfo) -> str:
    if key.state == "retired":
        return f"{key.kid} is refused since {_shown(key.verifies_until)}."
    return f"{key.kid} signs until {_shown(key.retires_at)}, and verifies until {_shown(key.verifies_until)}."


def _table(infos: Sequence[KeyInfo]) -> str:
    rows = [_HEADINGS, *(_row(info) for info in infos)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(info: KeyInfo) -> tuple[str, ...]:
    ends = (_shown(instant) for instant in (info.signs_at, info.retires_at, info.verifies_until))
    return (info.kid, info.purpose, info.algorithm, info.state, *ends)


def _shown(instant: float | None) -> str:
    return "-" if instant is None else datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
