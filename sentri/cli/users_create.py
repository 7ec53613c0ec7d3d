"""`sentri users create`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, opened, settings_of
from sentri.cli.options import database_url
from sentri.config.environment import Settings
from sentri.config.reading import suggestion

__all__ = ["create"]


@asyncclick.command()
@asyncclick.argument("identifier")
@asyncclick.option("--role", "roles", multiple=True, metavar="ROLE", help="A role of the user; may be repeated.")
@database_url
@asyncclick.option("--json", "as_json", is_flag=True, help="Print the user as JSON instead of the id.")
async def create(identifier: str, roles: tuple[str, ...], database_url: str | None, *, as_json: bool) -> None:
    """Make a user, such as the first admin, and print their id.

    The password comes from a prompt, or, where standard input is no terminal, from its first line. The tables are
    made if they are missing, as `sentri serve` does it.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    _check_roles(roles, settings)
    password = await _password()
    write_logs()
    async with opened(auth, settings):
        if settings.options.get("migrate_on_startup", True):
            await auth.migrate()
        user = await auth.accounts.register(identifier, password, roles)
    as_text = json.dumps({"id": user.id, "identifier": user.identifier, "roles": list(user.roles)})
    asyncclick.echo(as_text if as_json else user.id)


def _check_roles(roles: Sequence[str], settings: Settings) -> None:
    valid = settings.options["valid_roles"]
    for role in roles:
        if role not in valid:
            raise asyncclick.BadParameter(
                f"{role!r} is not in SENTRI_VALID_ROLES, which has {', '.join(valid)}{suggestion(role, valid)}",
                param_hint="--role",
            )


async def _password() -> str:
    if sys.stdin.isatty():
        with _interruptible():
            return str(
                await asyncclick.prompt("Password", hide_input=True, confirmation_prompt="Password again", err=True)
            )
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise asyncclick.UsageError("The password on standard input is not UTF-8 text.") from None
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise asyncclick.UsageError("The password is expected on standard input, and there is none.")
    return password


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends a prompt: the event loop's own handler would wait until the prompt is answered."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
