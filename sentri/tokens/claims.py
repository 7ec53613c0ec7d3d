"""Reading claims: everything well-typed and in range, or the token is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sentri.tokens.compact import refused

__all__ = ["CLOCK_SKEW", "canonical_id", "check_audience", "check_issued", "is_canonical_id", "moment", "text", "texts"]

CLOCK_SKEW: Final = 60
"""Seconds that `iat` and `nbf` may lie ahead of our clock."""

_LAST_MOMENT: Final = 2**53
_CANONICAL_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def is_canonical_id(value: object) -> bool:
    """Whether the value is a UUID in lower case with hyphens (RFC 9562 section 4), the only form that we write."""
    return isinstance(value, str) and _CANONICAL_ID.fullmatch(value) is not None


def canonical_id(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not is_canonical_id(value):
        raise refused()
    return str(value)


def text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise refused()
    return value


def texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise refused()
    return tuple(value)


def moment(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 section 2): a finite number that can be a time, and no boolean."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused()
    if not 0 <= value <= _LAST_MOMENT:  # false for NaN, too
        raise refused()
    return value


def check_issued(claims: Mapping[str, Any], now: float) -> float:
    """From when on the token is good. Refuses one from the future: `iat` and `nbf`, where they are there, lie at most
    `CLOCK_SKEW` ahead.
    """
    begins = max((moment(claims, name) for name in ("iat", "nbf") if name in claims), default=0.0) - CLOCK_SKEW
    if begins > now:
        raise refused()
    return begins


def check_audience(claims: Mapping[str, Any], audience: tuple[str, ...]) -> None:
    """Refuses a token for somebody else (RFC 7519 section 4.1.3: also one with an `aud` where we are nobody)."""
    named = claims.get("aud", [])
    entries = [named] if isinstance(named, str) else named
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise refused()
    if ("aud" in claims or audience) and not set(entries) & set(audience):
        raise refused()
