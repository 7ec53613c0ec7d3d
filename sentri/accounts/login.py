"""Logging in with a password."""

from __future__ import annotations

import asyncio
from typing import Final

from sentri.accounts.context import Context
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.sessions import open_session
from sentri.accounts.stores import UserRecord
from sentri.accounts.tracing import traced
from sentri.errors import SentriError
from sentri.identity import TokenPair
from sentri.session_origin import NOWHERE, SessionOrigin

__all__ = ["ATTEMPTS", "invalid_credentials", "login"]

ATTEMPTS: Final = 3
"""How often a flow starts again because the hash that it verified was replaced meanwhile (by a renewal, mostly)."""


def invalid_credentials() -> SentriError:
    """One answer for an unknown identifier, a wrong password and a disabled user."""
    return SentriError("INVALID_CREDENTIALS", "The identifier or the password is wrong.")


@traced("login")
async def login(context: Context, *, identifier: str, password: str, origin: SessionOrigin = NOWHERE) -> TokenPair:
    key = identifier_key(identifier)
    user: UserRecord | None = None
    for _ in range(ATTEMPTS):
        user = await context.users.by_key(key)
        matches = await context.hasher.verify(password, None if user is None else user.password_hash)
        if user is None or not matches or user.disabled_at is not None:
            await _tell_failed(context, key, user, "user_disabled" if matches else "wrong_password")
            raise invalid_credentials()
        pair = await open_session(context, user, verified_hash=user.password_hash, method="password", origin=origin)
        if pair is not None:
            # By itself: whoever hangs up now would take the line for a place where a request may be stopped.
            await asyncio.create_task(_renew_hash(context, user, password))
            return pair
    await _tell_failed(context, key, user, "changed_meanwhile")
    raise invalid_credentials()


async def _tell_failed(context: Context, key: str, user: UserRecord | None, reason: str) -> None:
    await context.events.tell(
        "login.failed",
        user_id=None if user is None else user.id,
        reason="unknown_identifier" if user is None else reason,
        identifier=context.events.digest("identifier", key),
    )


async def _renew_hash(context: Context, user: UserRecord, password: str) -> None:
    """Bring an old hash to today's cost. The login stands whether that works or not."""
    if not context.hasher.needs_renewal(user.password_hash):
        return
    try:
        renewed = await context.hasher.hash(password)
        done = await context.users.renew_hash(user.id, verified=user.password_hash, renewed=renewed)
    except SentriError as error:
        context.logger.warning("The password hash of user %s was not renewed: %s", user.id, error.code)
        return
    if done:
        await context.events.tell("password.rehashed", user_id=user.id)
