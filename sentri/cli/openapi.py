"""`sentri openapi`."""

from __future__ import annotations

from pathlib import Path

import asyncclick
import msgspec

from sentri.cli.opening import auth_of, settings_of
from sentri.cli.showing import json_option
from sentri.cli.welcome import PREFIX

__all__ = ["openapi"]


@asyncclick.command(short_help="Print the OpenAPI document of the endpoints.")
@asyncclick.option(
    "--output",
    metavar="FILE",
    type=asyncclick.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write it there instead of to stdout.",
)
@json_option
async def openapi(output: Path | None, *, as_json: bool) -> None:  # noqa: ARG001 - it is JSON in any case
    """Print the OpenAPI 3.1 document of the endpoints, as the settings make them.

    It is JSON, asked for or not. Give it the settings of the server. It opens no database and listens nowhere.
    """
    document = auth_of(settings_of()).openapi(PREFIX)
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    if output is None:
        asyncclick.echo(text)
    else:
        _write(output, text + "\n")


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise asyncclick.ClickException(f"cannot write {output}: {error.strerror}") from None
