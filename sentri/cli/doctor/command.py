"""`sentri doctor`: what was found, told."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

import asyncclick

from sentri.cli.doctor.catalogue import PITFALLS, Deployment, Finding
from sentri.cli.failures import FOUND_SOMETHING
from sentri.cli.logs import silence_logs
from sentri.cli.options import database_url
from sentri.cli.showing import is_terminal, json_option, print_json

__all__ = ["doctor"]


@asyncclick.command(short_help="Name the pitfalls of a configuration.")
@asyncclick.argument("application", metavar="[MODULE:APP]", required=False)
@database_url
@asyncclick.option(
    "--processes",
    type=asyncclick.IntRange(1, 10_000),
    envvar="WEB_CONCURRENCY",
    default=1,
    help="How many serve at the same time, on all machines together [WEB_CONCURRENCY; default: 1].",
)
@asyncclick.option("--proxy/--no-proxy", default=True, help="Whether clients come through a reverse proxy.")
@asyncclick.option("--url", help="Where browsers find the server, such as https://app.example.com: for its cookies.")
@asyncclick.option("--ignore", multiple=True, metavar="ID", help="A finding that you know and accept. May be repeated.")
@json_option
async def doctor(
    application: str | None,
    database_url: str | None,
    processes: int,
    url: str | None,
    ignore: Sequence[str],
    *,
    proxy: bool,
    as_json: bool,
) -> None:
    """Name the pitfalls of a configuration, and of the database, the Redis and the machine it runs on.

    Of the settings in the environment, or of an aiohttp application such as shop.main:app, in both modes. It changes
    nothing. Ends with 3 where it found something.
    """
    from sentri.cli.doctor.asking import auth_objects, findings_of  # noqa: PLC0415 - `sentri --help` loads no database

    _check_ids(ignore)
    deployment = Deployment(processes=processes, behind_proxy=proxy, url=url)
    subjects = await auth_objects(application, database_url)
    silence_logs()
    found = [finding async for finding in findings_of(subjects, deployment) if finding.id not in ignore]
    if as_json:
        print_json([_as_dict(finding) for finding in found])
    else:
        asyncclick.echo(_told(found))
    if found:
        raise asyncclick.exceptions.Exit(FOUND_SOMETHING)


def _check_ids(ids: Sequence[str]) -> None:
    if strange := [name for name in ids if name not in PITFALLS]:
        raise asyncclick.BadParameter(
            f"{strange[0]!r} is no id; known are {', '.join(PITFALLS)}", param_hint="--ignore"
        )


def _as_dict(finding: Finding) -> dict[str, str]:
    pitfall = finding.pitfall
    return {"id": finding.id, "level": pitfall.level, "what": finding.what, "remedy": pitfall.remedy}


def _indented(sentence: str) -> str:
    """On a terminal as wide as that is; elsewhere one line."""
    if not is_terminal(sys.stdout):
        return f"  {sentence}"
    width = shutil.get_terminal_size().columns
    return textwrap.fill(sentence, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _told(found: Sequence[Finding]) -> str:
    if not found:
        return "Nothing found."
    blocks = [f"{f.pitfall.level} {f.id}\n{_indented(f.what)}\n{_indented(f.pitfall.remedy)}" for f in found]
    return "\n\n".join([*blocks, "1 finding." if len(found) == 1 else f"{len(found)} findings."])
