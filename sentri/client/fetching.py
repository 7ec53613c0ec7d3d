"""Fetching a JWK set over HTTP: one request, no detours, nothing unbounded."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from aiohttp import hdrs

from sentri.config.issuers import KeyUri
from sentri.keys.remote import Answer, FetchFailed

__all__ = ["LARGEST_KEY_SET", "fetching"]

LARGEST_KEY_SET: Final = 256 * 1024
"""Bytes of a JWK set, at most."""

_MAX_AGE: Final = re.compile(r'max-age="?([0-9]{1,9})"?', re.ASCII | re.IGNORECASE)
_AGE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_NEVER_KEPT: Final = frozenset({"no-store", "no-cache"})


def fetching(uri: KeyUri) -> Callable[[str | None], Awaitable[Answer]]:
    """How to fetch the key set at the address. Whoever asks sets the time limit.

    Redirects are refused, proxies and `.netrc` of the environment are not asked, no cookie is kept, and a body beyond
    `LARGEST_KEY_SET` is not read. Every request has a connection of its own: there is one in minutes.
    """

    async def fetch(etag: str | None) -> Answer:
        headers = {
            hdrs.ACCEPT: "application/jwk-set+json, application/json",
            hdrs.ACCEPT_ENCODING: "identity",
            hdrs.CACHE_CONTROL: "no-cache",  # a cache on the way asks, too: it would give an emergency's leaked key
        }
        if etag is not None:
            headers[hdrs.IF_NONE_MATCH] = etag
        try:
            async with (
                aiohttp.ClientSession(
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session,
                session.get(uri.address, headers=headers, allow_redirects=False) as response,
            ):
                return await _answer(response)
        except aiohttp.ClientError as error:  # its text may quote the address
            raise FetchFailed(f"the request failed: {type(error).__name__}") from None

    return fetch


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    if response.status not in (200, 304):
        kind = "a redirect" if 300 <= response.status < 400 else "the answer"
        raise FetchFailed(f"{kind} has status {response.status}")
    body = None if response.status == 304 else await _body(response)
    return Answer(body=body, etag=response.headers.get(hdrs.ETAG), max_age=_lifetime(response))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise FetchFailed("the answer is compressed, which was not asked for")
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > LARGEST_KEY_SET:
            raise FetchFailed(f"the answer is larger than {LARGEST_KEY_SET} bytes")
    return bytes(body)


def _lifetime(response: aiohttp.ClientResponse) -> float | None:
    """Seconds for which the answer is fresh, less those that a cache on the way has kept it (RFC 9111, section 4.2)."""
    said = [part.strip() for value in response.headers.getall(hdrs.CACHE_CONTROL, ()) for part in value.split(",")]
    if any(part.lower() in _NEVER_KEPT for part in said):
        return 0.0
    ages = [int(found[1]) for part in said if (found := _MAX_AGE.fullmatch(part))]
    if not ages:
        return None
    age = _AGE.fullmatch(response.headers.get(hdrs.AGE, "").strip())
    return float(max(0, min(ages) - (int(age[0]) if age else 0)))
