"""Where a page begins and how long it is: what callers say of it, checked."""

from __future__ import annotations

import base64
import re
from typing import Final

from sentri.accounts.identifiers import MOST_CHARACTERS
from sentri.errors import SentriError
from sentri.tokens.claims import is_canonical_id

__all__ = ["MOST_ON_A_PAGE", "check_limit", "key_cursor", "key_of", "login_cursor", "login_of"]

MOST_ON_A_PAGE: Final = 100
_MOST_CURSOR: Final = 2048
_LOGIN: Final = re.compile(r"([0-9]{1,17})\.(.{36})", re.ASCII)


def check_limit(limit: object) -> int:
    """A page's length. Raises `VALIDATION_ERROR`."""
    if type(limit) is not int or not 1 <= limit <= MOST_ON_A_PAGE:
        raise SentriError("VALIDATION_ERROR", f"limit: must be a whole number from 1 to {MOST_ON_A_PAGE}.")
    return limit


def key_cursor(key: str) -> str:
    """The cursor behind the user with this identifier key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: object) -> str:
    """The key that the cursor stands for. Raises `VALIDATION_ERROR`."""
    key = _decoded(cursor)
    if not 1 <= len(key) <= MOST_CHARACTERS or "\0" in key:
        raise _refused()
    return key


def login_cursor(created_at: float, session_id: str) -> str:
    """The cursor behind the session that began then."""
    return key_cursor(f"{round(created_at * 1_000_000)}.{session_id}")


def login_of(cursor: object) -> tuple[float, str]:
    """The login that the cursor stands for. Raises `VALIDATION_ERROR`."""
    found = _LOGIN.fullmatch(_decoded(cursor))
    if found is None or not is_canonical_id(found[2]):
        raise _refused()
    return int(found[1]) / 1_000_000, found[2]


def _decoded(cursor: object) -> str:
    if not isinstance(cursor, str) or not 1 <= len(cursor) <= _MOST_CURSOR or not cursor.isascii():
        raise _refused()
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise _refused() from None
    return text


def _refused() -> SentriError:
    return SentriError("VALIDATION_ERROR", "cursor: is none that a page has given.")
