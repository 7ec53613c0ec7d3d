"""What an application in client mode depends on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from sentri.cli.doctor.catalogue import Finding
from sentri.cli.doctor.databases import MOST_SKEW
from sentri.config.client_options import ClientOptions
from sentri.config.issuers import KeyUri

__all__ = ["issuer_findings"]

_ALLOWED_FOR_ROUNDING: Final = 1.0  # `Date` has whole seconds


async def issuer_findings(options: ClientOptions) -> AsyncIterator[Finding]:
    """The pitfalls of a client's configuration, and of the servers that it trusts."""
    if options.issuer is None or options.audience is None:
        missing = " and ".join(name for name in ("issuer", "audience") if getattr(options, name) is None)
        yield Finding(
            "issuer-not-stated",
            f"Without {missing} every token that a key of {options.key_uri} signed is accepted, for whatever service.",
        )
    for uri in (options.key_uri, *(issuer.key_uri for issuer in options.trusted_issuers)):
        if uri.insecure:
            yield Finding("issuer-over-http", f"{uri}: whoever is on the way there can send keys of their own.")
        async for finding in _of_answer(uri, aiohttp.ClientTimeout(total=options.timeout)):
            yield finding


async def _of_answer(uri: KeyUri, limit: aiohttp.ClientTimeout) -> AsyncIterator[Finding]:
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=limit) as session,
            session.get(uri.address, allow_redirects=False) as response,
        ):
            status, told = response.status, response.headers.get("Date")
            now = time.time()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        yield Finding("issuer-unreachable", f"{uri} does not answer: {type(error).__name__}.")
        return
    if status != 200:
        yield Finding("issuer-unreachable", f"{uri} answers with status {status}.")
    if told is None:
        return
    try:
        skew = parsedate_to_datetime(told).timestamp() - now
    except ValueError:
        return
    if abs(skew) > MOST_SKEW + _ALLOWED_FOR_ROUNDING:
        yield Finding("clock-skew", f"The clock of {uri} differs from this machine's by {skew:+.0f} s.")
