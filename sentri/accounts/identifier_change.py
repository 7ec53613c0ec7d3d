"""Changing what a user logs in with."""

from __future__ import annotations

from dataclasses import replace

from sentri.accounts.context import Context
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.login import invalid_credentials
from sentri.accounts.registration import taken
from sentri.accounts.sessions import auth_user
from sentri.accounts.stores import Change
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.revocation import session_ended

__all__ = ["change_identifier", "reauthenticate"]


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


async def reauthenticate(context: Context, user: AuthUser, password: str | None, *, within: float | None) -> None:
    """Let the change pass: by the password, which is checked whenever it is given, or by a login at most `within`
    seconds ago. Without a limit nothing is asked.
    """
    if password is not None:
        context.rules.passwords.check(password, "currentPassword")
        record = await context.users.by_id(user.id)
        if not await context.hasher.verify(password, None if record is None else record.password_hash):
            await context.events.tell("reauthentication.failed", user_id=user.id)
            raise invalid_credentials()
    elif within is not None:
        found = await context.sessions.read(user.session_id) if user.session_id else None
        if found is None:
            raise session_ended()
        if context.clock() - found[0].created_at > within:
            await context.events.tell("reauthentication.required", user_id=user.id, session_id=user.session_id)
            raise SentriError("REAUTHENTICATION_REQUIRED", "Log in again, or send currentPassword.")


def _missing() -> SentriError:
    return SentriError("USER_NOT_FOUND", "There is no such user.")
