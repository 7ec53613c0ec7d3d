"""Asking again who it is, before something that a thief of a session would do first."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.login import invalid_credentials
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.revocation import session_ended

__all__ = ["reauthenticate", "require_recent_login"]


async def reauthenticate(context: Context, user: AuthUser, password: str | None, *, within: float | None) -> None:
    """Let the change pass: by the password, which is checked whenever it is given, or by a login at most `within`
    seconds ago. Without a limit nothing is asked.
    """
    if password is None:
        await require_recent_login(context, user, within=within, otherwise="Log in again, or send currentPassword.")
        return
    context.rules.passwords.check(password, "currentPassword")
    record = await context.users.by_id(user.id)
    if not await context.hasher.verify(password, None if record is None else record.password_hash):
        await context.events.tell("reauthentication.failed", user_id=user.id)
        raise invalid_credentials()


async def require_recent_login(
    context: Context, user: AuthUser, *, within: float | None, otherwise: str = "Log in again."
) -> None:
    """Raise `REAUTHENTICATION_REQUIRED` unless the login is at most `within` seconds ago. Without a limit, pass."""
    if within is None:
        return
    found = await context.sessions.read(user.session_id) if user.session_id else None
    if found is None:
        raise session_ended()
    if context.clock() - found[0].created_at > within:
        await context.events.tell("reauthentication.required", user_id=user.id, session_id=user.session_id)
        raise SentriError("REAUTHENTICATION_REQUIRED", otherwise)
