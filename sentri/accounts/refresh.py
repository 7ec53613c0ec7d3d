"""Rotating refresh tokens, and noticing when a spent one comes back (RFC 9700, section 4.14.2)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from sentri.accounts.context import Context
from sentri.accounts.sessions import session_end, token_pair
from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError
from sentri.identity import RefreshClaims, TokenPair
from sentri.randomness import new_jti
from sentri.revocation import session_ended
from sentri.tokens.compact import expired, refused

__all__ = ["is_current", "refresh", "renewed", "settled"]


@traced("refresh")
async def refresh(context: Context, *, refresh_token: str) -> TokenPair:
    """The session's next tokens. Every refresh token has exactly one successor, however many ask for it at once."""
    claims = context.refresh.verify(refresh_token, expired_too=True)
    if claims.user_id is None:  # of `sign_refresh_token`: in no chain, so nothing was stolen
        raise refused()
    now = context.clock()
    dead = now >= claims.expires_at
    session, user = await _living(context, claims, now, otherwise=expired() if dead else session_ended())
    await context.revocation.check(session.id)
    current = claims.jti == session.jti
    just_spent = _is_just_spent(context, session, claims, now)
    if not current and not just_spent:
        await _end_as_stolen(context, session, successor_used=claims.jti != session.previous_jti)
        raise expired() if dead else refused()
    if dead:
        raise expired()
    return await _rotate(context, session, user, claims, now) if current else token_pair(context, session, user)


@traced("silent_refresh")
async def renewed(context: Context, claims: RefreshClaims, *, when_due: bool) -> TokenPair | None:
    """A fresh access token for a refresh token that is good, with the refresh token that is current; nothing is
    rotated. None for a token that is not good, which `refresh` has to judge.

    The first half of a silent refresh: the successor is made by `settled`, when it can leave for the browser. Where a
    service of the host's rotates, `when_due=False` gives None for a token whose rotation is due, too.
    """
    now = context.clock()
    session, user = await _living(context, claims, now, otherwise=session_ended())
    due = _is_due(context, session, now)
    good = (claims.jti == session.jti and (when_due or not due)) or _is_just_spent(context, session, claims, now)
    if not good or now >= claims.expires_at:
        return None
    await context.revocation.check(session.id)
    return token_pair(context, session, user)


async def settled(context: Context, claims: RefreshClaims, pair: TokenPair) -> TokenPair | None:
    """What the browser gets of `renewed` tokens: a rotated refresh token, at most one rotation per leeway.

    The second half, in the moment in which the response's headers leave: a successor that is made earlier would not be
    with the browser while a slow response is under way, and its next request would count as theft. None where the
    session has ended, or where the browser has outgrown the token meanwhile: it has newer ones.
    """
    try:
        now = context.clock()
        session, user = await _living(context, claims, now, otherwise=session_ended())
        if claims.jti == session.jti:
            if not _is_due(context, session, now):
                return pair
            current = await _rotate(context, session, user, claims, now)
        elif _is_just_spent(context, session, claims, now):
            current = token_pair(context, session, user)
        else:
            return None
    except SentriError as error:  # where the database does not say, what was issued stays good
        return None if error.status_code == HTTPStatus.UNAUTHORIZED else pair
    return replace(pair, refresh_token=current.refresh_token, refresh_expires_at=current.refresh_expires_at)


async def is_current(context: Context, pair: TokenPair) -> bool:
    """Whether the pair's refresh token is still the current one of a living session: not logged out, not rotated
    meanwhile. True where the database does not say: what was issued stays good.
    """
    try:
        claims = context.refresh.verify(pair.refresh_token)
        session, _ = await _living(context, claims, context.clock(), otherwise=session_ended())
    except SentriError as error:
        return error.status_code != HTTPStatus.UNAUTHORIZED
    return session.jti == claims.jti


def _is_due(context: Context, session: SessionRecord, now: float) -> bool:
    # A login is no rotation: nobody holds a predecessor of its token.
    return session.previous_jti is None or now >= session.rotated_at + context.rules.refresh_leeway


def _is_just_spent(context: Context, session: SessionRecord, claims: RefreshClaims, now: float) -> bool:
    return claims.jti == session.previous_jti and now < session.rotated_at + context.rules.refresh_leeway


async def _living(
    context: Context, claims: RefreshClaims, now: float, *, otherwise: SentriError
) -> tuple[SessionRecord, UserRecord]:
    found = await context.sessions.read(claims.session_id)
    if found is None:
        raise otherwise
    session, user = found
    if session.user_id != claims.user_id or user.disabled_at is not None or now >= session.expires_at:
        raise otherwise
    return session, user


async def _rotate(
    context: Context, session: SessionRecord, user: UserRecord, claims: RefreshClaims, now: float
) -> TokenPair:
    expires_at = session_end(context, session.created_at, now)
    successor = new_jti()
    if expires_at <= now:
        raise session_ended()
    won = await context.sessions.rotate(
        session.id, presented=session.jti, successor=successor, now=now, expires_at=expires_at
    )
    if won:
        rotated = replace(session, jti=successor, previous_jti=session.jti, rotated_at=now, expires_at=expires_at)
        return token_pair(context, rotated, user)
    # Good when this request began, and somebody else was first: a logout, or a parallel refresh, whose successor is
    # ours too. Should that one be spent already, the chain still has one end, and we join it: a token that was good
    # when it was shown is no theft, and nobody is logged out by a race.
    session, user = await _living(context, claims, now, otherwise=session_ended())
    return token_pair(context, session, user)


@unbroken
async def _end_as_stolen(context: Context, session: SessionRecord, *, successor_used: bool) -> None:
    if await context.sessions.end(session.id):
        about = {"user_id": session.user_id, "session_id": session.id}
        await context.events.tell("token.reused", **about, successor_used=successor_used)
        await context.events.tell("session.revoked", **about, reason="token_reused")
        await context.hooks.tell("on_token_reuse", session.user_id, session.id, successor_used)
