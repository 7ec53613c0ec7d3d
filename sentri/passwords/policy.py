"""Which passwords are taken. A password is hashed as received: never trimmed, normalised or cut."""

from __future__ import annotations

from typing import Final

from sentri.errors import SentriError

__all__ = ["LEAST_CHARACTERS", "MOST_BYTES", "check_new_password", "check_password"]

LEAST_CHARACTERS: Final = 8
MOST_BYTES: Final = 72
"""In UTF-8. bcrypt reads no further: a longer password is refused, never cut."""


def check_password(password: object, field: str = "password") -> str:
    """The password, if it can be compared with a hash at all. Raises `VALIDATION_ERROR` that names the field."""
    if not isinstance(password, str):
        raise _refused(field, "must be a string")
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise _refused(field, "must be Unicode text without lone surrogates") from None
    if size > MOST_BYTES:
        raise _refused(field, f"must have at most {MOST_BYTES} bytes in UTF-8")
    return password


def check_new_password(password: object, field: str = "password") -> str:
    """The password, if it may be set. Raises `VALIDATION_ERROR` that names the field."""
    checked = check_password(password, field)
    if len(checked) < LEAST_CHARACTERS:
        raise _refused(field, f"must have at least {LEAST_CHARACTERS} characters")
    return checked


def _refused(field: str, why: str) -> SentriError:
    return SentriError("VALIDATION_ERROR", f"{field}: {why}.")
