"""Starting a session, and the tokens that stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sentri.accounts.context import Context
from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.accounts.tracing import traced
from sentri.errors import SentriError
from sentri.identity import AuthUser, TokenPair
from sentri.randomness import new_id, new_jti
from sentri.session_origin import NOWHERE, SessionOrigin

__all__ = ["auth_user", "describe", "open_session", "session_end", "start_session", "token_pair"]


_TOLD_ONE_BY_ONE: Final = 3


def auth_user(context: Context, user: UserRecord, session_id: str | None = None) -> AuthUser:
    return AuthUser(user.id, user.identifier, user.roles, session_id, context.rules.issuer)


def session_end(context: Context, created_at: float, now: float) -> float:
    """When a session ends whose refresh token is issued now: no rotation carries it past its absolute life."""
    return min(now + context.rules.refresh_expires_in, created_at + context.rules.session_expires_in)


async def open_session(
    context: Context,
    user: UserRecord,
    *,
    verified_hash: str | None,
    method: str,
    origin: SessionOrigin = NOWHERE,
) -> TokenPair | None:
    """A new session of the user, with its first tokens; None if the user is disabled, gone, or has another hash.

    `method` is how they showed who they are, for those who are told.
    """
    now = context.clock()
    kept = origin if context.rules.session_details else NOWHERE
    session = SessionRecord(
        id=new_id(),
        user_id=user.id,
        created_at=now,
        expires_at=session_end(context, now, now),
        jti=new_jti(),
        previous_jti=None,
        rotated_at=now,
        device=kept.device,
        address=kept.address,
    )
    started = await context.sessions.start(session, verified_hash=verified_hash, most=context.rules.max_sessions)
    if started is None:
        return None
    context.purging.nudge()
    await context.events.tell("login.succeeded", user_id=user.id, session_id=session.id, method=method)
    await _tell_evicted(context, user, started.evicted)
    return token_pair(context, session, user)


async def _tell_evicted(context: Context, user: UserRecord, evicted: Sequence[str]) -> None:
    """Each by itself, unless there are many, as there may be where the limit is new."""
    about = {"user_id": user.id, "reason": "max_sessions"}
    if len(evicted) > _TOLD_ONE_BY_ONE:
        await context.events.tell("session.revoked", **about, sessions=len(evicted))
        return
    for session_id in evicted:
        await context.events.tell("session.revoked", **about, session_id=session_id)


def token_pair(context: Context, session: SessionRecord, user: UserRecord) -> TokenPair:
    """A fresh access token, and the refresh token that is good now: the same one however often it is asked for."""
    owner = auth_user(context, user, session.id)
    access, access_expires_at = context.access.sign(owner, until=session.expires_at)
    refresh, refresh_expires_at = context.refresh.sign(
        session_id=session.id,
        user_id=user.id,
        jti=session.jti,
        issued_at=session.rotated_at,
        expires_at=session.expires_at,
    )
    return TokenPair(access, refresh, owner, access_expires_at, refresh_expires_at)


async def describe(context: Context, session_id: str | None, origin: SessionOrigin) -> None:
    """Write down where a session comes from that somebody else has started. The login stands whether that works or
    not.
    """
    if session_id is None or origin == NOWHERE or not context.rules.session_details:
        return
    try:
        await context.sessions.describe(session_id, device=origin.device, address=origin.address)
    except SentriError as error:
        context.logger.warning("Where session %s comes from was not written down: %s", session_id, error.code)


@traced("start_session")
async def start_session(context: Context, user_id: str, *, origin: SessionOrigin = NOWHERE) -> TokenPair:
    """Log the user in without a password."""
    user = await context.users.by_id(user_id)
    if user is None:
        raise SentriError("USER_NOT_FOUND", "There is no such user.")
    pair = await open_session(context, user, verified_hash=None, method="start_session", origin=origin)
    if pair is None:
        raise SentriError("FORBIDDEN", "The user is disabled.")
    return pair
