"""How tokens travel between the endpoints and their clients: in bodies, or in cookies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web
from msgspec import UNSET

from sentri.identity import RefreshClaims, TokenPair
from sentri.web.cookies import TokenCookies
from sentri.web.outputs import Tokens

__all__ = ["Carriage"]


class Carriage:
    """Puts tokens on answers and takes them away, as the configured cookies have it.

    Args:
        cookies: which there are.
        shown: the refresh cookie of a request that counts, with its claims.
    """

    def __init__(self, cookies: TokenCookies, shown: Callable[[web.Request], tuple[str, RefreshClaims] | None]) -> None:
        self._cookies = cookies
        self.shown = shown

    @property
    def has_refresh_cookie(self) -> bool:
        """Whether the refresh token travels in its cookie, and then never in a body."""
        return self._cookies.refresh is not None

    def data(self, pair: TokenPair) -> Tokens:
        """The tokens that travel in the body."""
        return Tokens(pair.access_token, UNSET if self.has_refresh_cookie else pair.refresh_token)

    def refresh_cookies(self, request: web.Request) -> Sequence[str]:
        """Every refresh token that the request shows in a cookie, authentic or not."""
        return self._cookies.refresh_tokens(request)

    def cookies(self, request: web.Request) -> Sequence[str]:
        """Every token that the request shows in a cookie."""
        return [*self._cookies.refresh_tokens(request), *self._cookies.access_tokens(request)]

    def given(self, response: web.Response, pair: TokenPair) -> web.Response:
        """The response, with the new cookies."""
        self._cookies.set(response, pair)
        return response

    def taken(self, response: web.Response) -> web.Response:
        """The response, which makes the browser forget the cookies."""
        self._cookies.clear(response)
        return response
