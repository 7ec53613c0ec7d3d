"""Changing what a user logs in with."""

from __future__ import annotations

from dataclasses import replace

from sentri.accounts.context import Context
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.registration import taken
from sentri.accounts.sessions import auth_user
from sentri.accounts.stores import Change
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError
from sentri.identity import AuthUser

__all__ = ["change_identifier"]


@traced("change_identifier")
@unbroken
async def change_identifier(context: Context, *, user_id: str, identifier: str) -> AuthUser:
    user = await context.users.by_id(user_id)
    if user is None:
        raise _missing()
    key = identifier_key(identifier)
    match await context.users.change_identifier(user_id, identifier=identifier, identifier_key=key):
        case Change.TAKEN:
            raise taken()
        case Change.MISSING:
            raise _missing()
    if identifier != user.identifier:
        await context.events.tell("identifier.changed", user_id=user_id)
    return auth_user(context, replace(user, identifier=identifier, identifier_key=key))


def _missing() -> SentriError:
    return SentriError("USER_NOT_FOUND", "There is no such user.")
