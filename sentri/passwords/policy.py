"""Which passwords are taken. A password is hashed as received: never trimmed, normalised or cut."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sentri.errors import SentriError

__all__ = ["LEAST_CHARACTERS", "MOST_BYTES", "PasswordPolicy", "common_passwords"]

LEAST_CHARACTERS: Final = MappingProxyType({"default": 8, "nist": 15})
"""Policy → characters. NIST SP 800-63B-4, section 3.1.1.2: 15 where the password is the only factor."""
MOST_BYTES: Final = MappingProxyType({"bcrypt": 72, "argon2id": 1024})
"""Scheme → bytes in UTF-8. bcrypt reads no further: a longer password is refused, never cut."""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What every password has to be.

    Attributes:
        least: characters, where one is set.
        most: bytes in UTF-8.
        common: passwords that everybody tries first, in lower case.
    """

    least: int = LEAST_CHARACTERS["default"]
    most: int = MOST_BYTES["bcrypt"]
    common: Container[str] = field(default=frozenset(), repr=False)

    def check(self, password: object, field: str = "password") -> str:
        """The password, if it can be compared with a hash at all. Raises `VALIDATION_ERROR` that names the field."""
        if not isinstance(password, str):
            raise _refused(field, "must be a string")
        try:
            size = len(password.encode())
        except UnicodeEncodeError:
            raise _refused(field, "must be Unicode text without lone surrogates") from None
        if size > self.most:
            raise _refused(field, f"must have at most {self.most} bytes in UTF-8")
        return password

    def check_new(self, password: object, field: str = "password") -> str:
        """The password, if it may be set. Raises `VALIDATION_ERROR` that names the field."""
        checked = self.check(password, field)
        if "\0" in checked:  # bcrypt repeats a password and a NUL until it has 72 bytes: `p`, NUL, `p` would equal `p`
            raise _refused(field, "must not have a NUL character")
        if len(checked) < self.least:
            raise _refused(field, f"must have at least {self.least} characters")
        if checked.lower() in self.common:
            raise _refused(field, "is among the passwords that are tried first; choose one that fewer people have")
        return checked


def common_passwords() -> Container[str]:
    """The 30,000 most common passwords, from the lists of zxcvbn."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - takes 20 ms, and not everybody asks

    return frozenset(FREQUENCY_LISTS["passwords"])


def _refused(field: str, why: str) -> SentriError:
    return SentriError("VALIDATION_ERROR", f"{field}: {why}.")
