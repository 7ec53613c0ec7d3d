"""What users log in with: one cleaned form to show, one key to compare by."""

from __future__ import annotations

import unicodedata
from typing import Final

from sentri.errors import SentriError

__all__ = ["MOST_CHARACTERS", "clean_identifier", "identifier_key"]

MOST_CHARACTERS: Final = 255
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


def clean_identifier(value: object, field: str = "identifier") -> str:
    """The identifier without space around it. Raises `VALIDATION_ERROR` that names the field.

    1 to 255 characters; no control, format, surrogate, private-use or unassigned code point, and no white space but
    U+0020: nothing that is invisible or makes a log line lie.
    """
    if not isinstance(value, str):
        raise _refused(field, "must be a string")
    cleaned = value.strip()
    if not 1 <= len(cleaned) <= MOST_CHARACTERS:
        raise _refused(field, f"must have 1 to {MOST_CHARACTERS} characters")
    if any(char != " " and unicodedata.category(char) in _REFUSED_CATEGORIES for char in cleaned):
        raise _refused(field, "has a character that is not allowed: control, invisible, unassigned or unusual space")
    if len(identifier_key(cleaned)) > MOST_CHARACTERS:
        raise _refused(field, f"is longer than {MOST_CHARACTERS} characters when normalised")
    return cleaned


def identifier_key(identifier: str) -> str:
    """What uniqueness, look-up and limits compare: NFKC(casefold(NFKC(x))), made here and nowhere else.

    Databases fold case and accents each in their own way; this one way holds on all of them (Unicode, section 3.13).
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", identifier).casefold())


def _refused(field: str, why: str) -> SentriError:
    return SentriError("VALIDATION_ERROR", f"{field}: {why}.")
