"""The cookies that carry a session's tokens: read with suspicion, set and cleared with one set of attributes."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from sentri.clock import Clock
from sentri.config.cookies import Cookie
from sentri.identity import TokenPair

__all__ = ["TokenCookies"]

_MOST_OF_ONE_NAME: Final = 4
"""Cookies of one name that are tried: another path or a subdomain can plant more, and each costs a verification."""


_MOST_BYTES: Final = 4096
"""Of name and value together: browsers ignore a larger cookie, and keep the one that they have (RFC 6265bis, 5.7)."""


class TokenCookies:
    """The refresh and the access cookie of one auth object, as far as they are configured."""

    def __init__(self, *, refresh: Cookie | None, access: Cookie | None, clock: Clock, logger: logging.Logger) -> None:
        self.refresh = refresh
        self.access = access
        self._clock = clock
        self._logger = logger
        self._told = False

    @property
    def secure(self) -> bool:
        """Whether every cookie travels over https only."""
        return all(cookie.secure for cookie in (self.refresh, self.access) if cookie is not None)

    def access_tokens(self, request: web.Request) -> Sequence[str]:
        """What the request shows as access cookies: mostly one, at most four."""
        return () if self.access is None else _values(request, self.access.name)

    def refresh_tokens(self, request: web.Request) -> Sequence[str]:
        """What the request shows as refresh cookies."""
        return () if self.refresh is None else _values(request, self.refresh.name)

    def set(self, response: web.StreamResponse, pair: TokenPair) -> None:
        """Give the browser the tokens, each for as long as it lives.

        One that no browser would keep is cleared instead: a token of somebody else's must not stay in its place.
        """
        if self.refresh is not None:
            self._set(response, self.refresh, pair.refresh_token, pair.refresh_expires_at)
        if self.access is not None:
            self._set(response, self.access, pair.access_token, pair.access_expires_at)
        response.headers[hdrs.CACHE_CONTROL] = "no-store"

    def clear(self, response: web.StreamResponse) -> None:
        """Make the browser forget both, with the attributes that they were set with."""
        for cookie in (self.refresh, self.access):
            if cookie is not None:
                _clear(response, cookie)
        response.headers[hdrs.CACHE_CONTROL] = "no-store"

    def set_headers(self, pair: TokenPair) -> Sequence[tuple[str, str]]:
        """What `set` does, as headers for a response that somebody else makes."""
        response = web.Response()
        self.set(response, pair)
        return _headers(response)

    def clear_headers(self) -> Sequence[tuple[str, str]]:
        """What `clear` does, as headers."""
        response = web.Response()
        self.clear(response)
        return _headers(response)

    def _set(self, response: web.StreamResponse, cookie: Cookie, token: str, expires_at: int) -> None:
        size = len(cookie.name) + len(token)  # ASCII, both
        if size > _MOST_BYTES:
            self._tell(cookie, size)
            _clear(response, cookie)
            return
        response.set_cookie(
            cookie.name,
            token,
            max_age=max(0, math.ceil(expires_at - self._clock())),  # the seconds that were configured, all of them
            path=cookie.path,
            domain=cookie.domain,
            secure=cookie.secure,
            httponly=cookie.http_only,
            samesite=cookie.same_site,
        )

    def _tell(self, cookie: Cookie, size: int) -> None:
        if not self._told:
            self._told = True
            self._logger.warning(
                "The cookie %s of somebody would have %d bytes and was not set: browsers keep %d. Fewer or shorter"
                " roles make it smaller; without it each of their requests is refreshed.",
                cookie.name,
                size,
                _MOST_BYTES,
            )


def _clear(response: web.StreamResponse, cookie: Cookie) -> None:
    response.del_cookie(
        cookie.name,
        path=cookie.path,
        domain=cookie.domain,
        secure=cookie.secure,
        httponly=cookie.http_only,
        samesite=cookie.same_site,
    )


def _headers(response: web.Response) -> Sequence[tuple[str, str]]:
    cookies = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
    return [*cookies, ("Cache-Control", "no-store")]


def _values(request: web.Request, name: str) -> Sequence[str]:
    """All values of a cookie, in the order sent. aiohttp's `request.cookies` keeps the last one only, and whoever can
    plant a cookie beside ours would choose which one that is.
    """
    found: list[str] = []
    for header in request.headers.getall(hdrs.COOKIE, ()):
        for pair in header.split(";"):
            # Only what browsers take for space: a name that begins with another one has no `__Host-` prefix to them.
            key, _, value = pair.strip(" \t").partition("=")
            token = value.strip('"')
            if key == name and token and token not in found:
                found.append(token)
                if len(found) == _MOST_OF_ONE_NAME:  # here: a request may hold tens of thousands
                    return found
    return found
