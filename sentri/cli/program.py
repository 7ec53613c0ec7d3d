"""`sentri`: the tree of commands, and how it ends."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

import asyncclick

from sentri import __version__
from sentri.cli.doctor.command import doctor
from sentri.cli.failures import exit_code, told
from sentri.cli.keys import keys
from sentri.cli.migrate import migrate
from sentri.cli.openapi import openapi
from sentri.cli.routes import routes as routes_of_an_application
from sentri.cli.serve import serve
from sentri.cli.sessions import sessions
from sentri.cli.users.changing import delete, disable, enable, roles, set_password
from sentri.cli.users.creating import create
from sentri.cli.users.importing import import_
from sentri.cli.users.listing import list_, show

__all__ = ["run"]


@asyncclick.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Everything can be set with SENTRI_* environment variables as well: docs/command-line.md.",
)
@asyncclick.version_option(__version__, prog_name="sentri")
def sentri() -> None:
    """Run and administer a sentri auth server."""


@sentri.group()
def users() -> None:
    """Administer users."""


sentri.add_command(doctor)
sentri.add_command(keys)
sentri.add_command(migrate)
sentri.add_command(openapi)
sentri.add_command(routes_of_an_application)
sentri.add_command(serve)
sentri.add_command(sessions)
for command in (create, delete, disable, enable, import_, list_, roles, set_password, show):
    users.add_command(command)


def run() -> int:
    """Run the command that the arguments name; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it may lack a character of an identifier
            stream.reconfigure(errors="backslashreplace")
    try:
        sentri(prog_name="sentri", _anyio_backend="asyncio")
    except KeyboardInterrupt:
        asyncclick.echo("Aborted!", err=True)
        return 1
    except Exception as error:  # noqa: BLE001 - the last one to see it: words instead of a traceback
        asyncclick.echo(f"Error: {told(error)}", err=True)
        if isinstance(error, OSError):
            _give_up_output()
        return exit_code(error)
    return 0


def _give_up_output() -> None:
    """What could not be written is not tried again at the end, which would change the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
