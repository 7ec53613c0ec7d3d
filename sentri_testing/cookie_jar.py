"""The cookies of one browser, which grow old by the clock of the server under test."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from http.cookies import BaseCookie, Morsel, SimpleCookie
from typing import Any

from aiohttp import CookieJar
from yarl import URL

from sentri.clock import Clock

__all__ = ["BrowserJar"]


class BrowserJar(CookieJar):
    """A cookie jar that drops cookies when the clock has passed their Max-Age, as a browser that lived as long would.

    The test server stands for every host: it takes Secure cookies over http, and those of any Domain.

    Args:
        clock: of the server that sets the cookies.
        origin: where the test server listens.
    """

    def __init__(self, clock: Clock, origin: URL) -> None:
        super().__init__(unsafe=True, treat_as_secure_origin=origin)
        self._clock = clock
        self._origin = origin
        self._ends: dict[tuple[str, str], float] = {}

    def value_of(self, name: str, path: str = "/") -> str | None:
        """What the browser would send as this cookie."""
        morsel = self.filter_cookies(self._origin.join(URL(path))).get(name)
        return None if morsel is None else morsel.value

    def update_cookies(self, cookies: Any, response_url: URL = URL()) -> None:  # noqa: B008 - aiohttp's signature
        """Take what a response sets."""
        given = {name: _of_this_host(value) for name, value in _pairs(cookies)}
        super().update_cookies(given, response_url)
        now = self._clock()
        for kept in self:
            if kept.key in given and _value_of(given[kept.key]) == kept.value:
                max_age = str(kept["max-age"])
                self._ends[kept.key, kept["path"]] = now + int(max_age) if max_age.isdigit() else math.inf

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Take what `Set-Cookie` headers set."""
        for header in headers:
            self.update_cookies(SimpleCookie(header), response_url)

    def filter_cookies(self, request_url: URL = URL()) -> BaseCookie[str]:  # noqa: B008 - aiohttp's signature
        """What a request shows."""
        now = self._clock()
        self.clear(lambda morsel: self._ends.get((morsel.key, morsel["path"]), math.inf) <= now)
        return super().filter_cookies(request_url)


def _pairs(cookies: Any) -> Iterable[tuple[str, Any]]:
    return cookies.items() if isinstance(cookies, Mapping) else cookies


def _of_this_host(value: Any) -> Any:
    if not isinstance(value, Morsel):
        return value
    kept = value.copy()
    kept["domain"] = ""
    return kept


def _value_of(given: Any) -> str:
    return given.value if isinstance(given, Morsel) else str(given)
