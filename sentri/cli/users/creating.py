"""`sentri users create`."""

from __future__ import annotations

from collections.abc import Sequence

import asyncclick

from sentri.cli.logs import write_logs
from sentri.cli.opening import auth_of, opened, settings_of
from sentri.cli.options import database_url
from sentri.cli.passwords import asked_identifier, asked_password
from sentri.cli.showing import json_option, print_json
from sentri.config.environment import Settings
from sentri.config.reading import suggestion

__all__ = ["check_roles", "create"]


@asyncclick.command()
@asyncclick.argument("identifier", required=False)
@asyncclick.option("--role", "roles", multiple=True, metavar="ROLE", help="A role of the user; may be repeated.")
@database_url
@json_option
async def create(identifier: str | None, roles: tuple[str, ...], database_url: str | None, *, as_json: bool) -> None:
    """Make a user, such as the first admin, and print their id.

    An IDENTIFIER that is left out is asked for on a terminal. The password comes from a prompt, or, where standard
    input is no terminal, from its first line. The tables are made if they are missing, as `sentri serve` does it.
    """
    settings = settings_of(database_url=database_url)
    auth = auth_of(settings)
    check_roles(roles, settings)
    if identifier is None:
        identifier = await asked_identifier()
    password = await asked_password()
    write_logs()
    async with opened(auth, settings, may_make=True):
        if settings.options.get("migrate_on_startup", True):
            await auth.migrate()
        user = await auth.accounts.register(identifier, password, roles)
    if as_json:
        print_json({"id": user.id, "identifier": user.identifier, "roles": list(user.roles)})
    else:
        asyncclick.echo(user.id)


def check_roles(roles: Sequence[str], settings: Settings, *, option: str = "--role") -> None:
    """Raises a usage error, of the option, for a role that the settings do not name."""
    valid = settings.options["valid_roles"]
    for role in roles:
        if role not in valid:
            raise asyncclick.BadParameter(
                f"{role!r} is not in SENTRI_VALID_ROLES, which has {', '.join(valid)}{suggestion(role, valid)}",
                param_hint=option,
            )
