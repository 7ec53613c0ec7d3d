"""Renewing a cookie client's tokens on the way of its requests, in server mode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sentri.accounts import refresh
from sentri.accounts.context import Context
from sentri.identity import RefreshClaims, TokenPair
from sentri.web.identifying import SilentRefresh
from sentri.web.services import Services

__all__ = ["silent_refresh"]


def silent_refresh(context: Context, services: Services, ready: Callable[[], Awaitable[None]]) -> SilentRefresh:
    """How to refresh silently with these services; `ready` opens what they need."""

    async def renew(token: str, claims: RefreshClaims) -> TokenPair:
        await ready()
        pair = await refresh.renewed(context, claims, when_due=not services.replaces("refresh"))
        return pair or await services.refresh(refresh_token=token)

    async def settle(claims: RefreshClaims, pair: TokenPair) -> TokenPair | None:
        if services.replaces("refresh"):  # it has rotated as it likes
            return pair if await refresh.is_current(context, pair) else None
        return await refresh.settled(context, claims, pair)

    return SilentRefresh(refresh=renew, settle=settle)
