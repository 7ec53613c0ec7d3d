"""Who a request comes from: its Bearer token, else its access cookie, else what a silent refresh gives."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import hdrs, web

from sentri.clock import Clock
from sentri.errors import SentriError
from sentri.identity import AuthUser, RefreshClaims, TokenPair
from sentri.tokens.access import AccessClaims
from sentri.tokens.compact import expired, refused
from sentri.web.bearer import no_token
from sentri.web.carrying import carry
from sentri.web.cookies import TokenCookies
from sentri.web.origin import CrossSite, may_refresh

__all__ = ["Authentication", "CookieAuthentication", "SilentRefresh"]

T = TypeVar("T")


@dataclass(slots=True)  # not frozen: that makes each of them three times as dear, and there is one for every request
class Authentication:
    """How a request was authenticated: what the guards of one auth object remember of it. Nobody changes it."""

    user: AuthUser
    token: str = field(repr=False)
    request: weakref.ref[web.Request] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentRefresh:
    """What a server does that renews a cookie client's tokens on the way.

    Attributes:
        refresh: fresh tokens for a refresh token that was verified.
        settle: what of them the browser gets, asked when the response's headers leave; None for nothing.
    """

    refresh: Callable[[str, RefreshClaims], Awaitable[TokenPair]]
    settle: Callable[[RefreshClaims, TokenPair], Awaitable[TokenPair | None]]


class CookieAuthentication:
    """Authenticates requests by their cookies.

    Args:
        cookies: their names.
        cross_site: refuses what another site made the browser send.
        verify: what an access token says, by the token alone, expired or not.
        is_void: whether an access token that does not verify counts as absent: the browser got it in good faith.
        verify_refresh: the same of a refresh token; None where no server reads them.
        check: the user as they are now, if their session stands.
        silent: how to refresh silently; None where that is off.
    """

    def __init__(
        self,
        *,
        cookies: TokenCookies,
        cross_site: CrossSite,
        verify: Callable[[str], Awaitable[AccessClaims]],
        is_void: Callable[[str], bool] = lambda _: False,
        verify_refresh: Callable[[str], RefreshClaims] | None,
        check: Callable[[AuthUser], Awaitable[AuthUser]],
        silent: SilentRefresh | None,
        clock: Clock,
    ) -> None:
        self._cookies = cookies
        self._cross_site = cross_site
        self._verify = verify
        self._is_void = is_void
        self._verify_refresh = verify_refresh
        self._check = check
        self._silent = silent
        self._clock = clock

    async def __call__(self, request: web.Request) -> Authentication:
        """Raises `UNAUTHORIZED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `FORBIDDEN` for another site, or a 503."""
        shown = self._cookies.access_tokens(request)
        if not shown and not self._cookies.refresh_tokens(request):
            raise no_token()
        if self._cross_site.refuses(request):
            await self._cross_site.check(request)
        token, claims = await self._access(shown)
        if claims is not None and self._clock() < claims.expires_at:
            return Authentication(await self._check(claims.user), token, weakref.ref(request))
        return await self._silently(request, claims)

    async def _access(self, shown: Sequence[str]) -> tuple[str, AccessClaims | None]:
        """The access cookie that counts: of those that verify the one that lives longest, if all name one session.
        None where there is none, or none but void ones.
        """
        verified, failed = [], []
        for token in shown:
            try:
                verified.append((token, await self._verify(token)))
            except SentriError as error:
                if error.status_code != web.HTTPUnauthorized.status_code:
                    raise
                failed.append(token)
        if not verified and all(map(self._is_void, failed)):
            return "", None
        if len({(claims.user.issuer, claims.user.id, claims.user.session_id) for _, claims in verified}) != 1:
            raise refused()
        return max(verified, key=lambda entry: entry[1].expires_at)

    async def _silently(self, request: web.Request, stale: AccessClaims | None) -> Authentication:
        silent = self._silent
        if silent is None or hdrs.AUTHORIZATION in request.headers or not may_refresh(request):
            raise no_token() if stale is None else expired()
        found = self.refresh_token(request)
        if found is None or (stale is not None and stale.user.session_id != found[1].session_id):
            raise no_token() if stale is None else expired()
        try:
            pair = await silent.refresh(*found)
        except SentriError as error:
            if error.status_code == web.HTTPUnauthorized.status_code:
                carry(request, _always(self._cookies.clear_headers()))
            raise
        carry(request, self._when_it_leaves(silent, found[1], pair))
        return Authentication(pair.user, pair.access_token, weakref.ref(request))

    def refresh_token(self, request: web.Request) -> tuple[str, RefreshClaims] | None:
        """The refresh cookie that counts, with its claims: of those that verify the newest, if all name one session."""
        if self._verify_refresh is None:
            return None
        verified = []
        for token in self._cookies.refresh_tokens(request):
            with suppress(SentriError):
                claims = self._verify_refresh(token)
                if claims.user_id is not None:  # else of `sign_refresh_token`, which stands for no session's chain
                    verified.append((token, claims))
        if len({claims.session_id for _, claims in verified}) != 1:
            return None
        return max(verified, key=lambda entry: entry[1].issued_at)

    def _when_it_leaves(
        self, silent: SilentRefresh, claims: RefreshClaims, pair: TokenPair
    ) -> Callable[[], Awaitable[Sequence[tuple[str, str]]]]:
        """The new cookies, unless this very request, or another one meanwhile, has ended the session or brought the
        browser newer ones.
        """

        async def headers() -> Sequence[tuple[str, str]]:
            settled = await silent.settle(claims, pair)
            return () if settled is None else self._cookies.set_headers(settled)

        return headers


def _always(headers: Sequence[tuple[str, str]]) -> Callable[[], Awaitable[Sequence[tuple[str, str]]]]:
    async def given() -> Sequence[tuple[str, str]]:
        return headers

    return given
