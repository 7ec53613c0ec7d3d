"""Tokens in the `Authorization` header (RFC 6750, section 2.1)."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from sentri.errors import SentriError
from sentri.tokens.compact import refused

__all__ = ["bearer_token", "no_token", "plain_bearer_token"]

_PLAIN: Final = "Bearer "
_AFTER: Final = len(_PLAIN)


def bearer_token(request: web.BaseRequest) -> str | None:
    """What follows `Bearer`, in any case; None where the header is absent or of another scheme.

    A second `Authorization` header beside it is `TOKEN_INVALID`: nobody can say which one counts.
    """
    values = [[*value.split(None, 1), "", ""][:2] for value in request.headers.getall(hdrs.AUTHORIZATION, ())]
    shown = [credentials.strip() for scheme, credentials in values if scheme.lower() == "bearer"]
    if shown and len(values) > 1:
        raise refused()
    return shown[0] if shown else None


def plain_bearer_token(request: web.BaseRequest) -> str | None:
    """What `bearer_token` finds where the one header is written as nearly everybody writes it; else None."""
    values = request.headers.getall(hdrs.AUTHORIZATION, ())
    if len(values) != 1:
        return None
    value = values[0]
    return value[_AFTER:] if value.startswith(_PLAIN) else None


def no_token() -> SentriError:
    """`UNAUTHORIZED` for a request that shows no token; its challenge names no error (RFC 6750, section 3)."""
    return SentriError("UNAUTHORIZED", "Authentication is required.")
