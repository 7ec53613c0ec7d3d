"""Rotating refresh tokens, and noticing when a spent one comes back (RFC 9700, section 4.14.2)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from sentri.accounts.context import Context
from sentri.accounts.revocation import check_revoked
from sentri.accounts.sessions import session_end, session_ended, token_pair
from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.errors import SentriError
from sentri.identity import RefreshClaims, TokenPair
from sentri.randomness import new_jti
from sentri.tokens.compact import expired, refused

__all__ = ["is_current", "refresh", "spare_rotation"]


async def refresh(context: Context, *, refresh_token: str) -> TokenPair:
    """The session's next tokens. Every refresh token has exactly one successor, however many ask for it at once."""
    claims = context.refresh.verify(refresh_token, expired_too=True)
    if claims.user_id is None:  # of `sign_refresh_token`: in no chain, so nothing was stolen
        raise refused()
    now = context.clock()
    dead = now >= claims.expires_at
    session, user = await _living(context, claims, now, otherwise=expired() if dead else session_ended())
    await check_revoked(context, session.id)
    current = claims.jti == session.jti
    just_spent = claims.jti == session.previous_jti and now < session.rotated_at + context.rules.refresh_leeway
    if not current and not just_spent:
        await _end_as_stolen(context, session, successor_used=claims.jti != session.previous_jti)
        raise expired() if dead else refused()
    if dead:
        raise expired()
    return await _rotate(context, session, user, claims, now) if current else token_pair(context, session, user)


async def spare_rotation(context: Context, claims: RefreshClaims) -> TokenPair | None:
    """The current tokens of a session whose current refresh token was issued within the leeway; None where it is
    time to rotate. A silent refresh asks this first: what many requests of one page do at once is one rotation.
    """
    now = context.clock()
    session, user = await _living(context, claims, now, otherwise=session_ended())
    if claims.jti != session.jti or now >= session.rotated_at + context.rules.refresh_leeway:
        return None
    await check_revoked(context, session.id)
    return token_pair(context, session, user)


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


async def _end_as_stolen(context: Context, session: SessionRecord, *, successor_used: bool) -> None:
    if await context.sessions.end(session.id):
        context.logger.warning("A spent refresh token of user %s came back; its session was ended.", session.user_id)
        await context.hooks.tell("on_token_reuse", session.user_id, session.id, successor_used)
