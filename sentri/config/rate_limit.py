"""How often somebody may try to log in, to register, to change an account."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sentri.config.durations import Duration, duration
from sentri.config.reading import Wrong, unknown_entry
from sentri.errors import ConfigurationError

__all__ = ["RateLimit", "read_rate_limit"]

_MOST: Final = 1_000_000
_LONGEST: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Attempts that are allowed within any `duration`. What is one too many is answered with 429 `RATE_LIMITED`.

    A login is counted before its password is checked, for an unknown identifier as for a known one; one that succeeds
    is given back.

    Attributes:
        max_login_attempts: to log in with one identifier from one address.
        max_register_attempts: to register from one address, successful ones too. An API key is not limited.
        duration: seconds, `"20m"` or a timedelta, at most a day.
        max_identifier_attempts: to log in with one identifier, from all addresses together. An address from which the
            user has logged in before is not held up by it.
        max_address_attempts: to log in from one address, with all identifiers together.
        max_api_key_attempts: to show a wrong API key, from one address.
        max_account_attempts: to change the identifier or the password of one user; a password that was changed is given
            back.

    Raises `CONFIGURATION_ERROR` that names what is wrong.
    """

    max_login_attempts: int = 5
    max_register_attempts: int = 5
    duration: Duration = "20m"
    max_identifier_attempts: int = 50
    max_address_attempts: int = 100
    max_api_key_attempts: int = 10
    max_account_attempts: int = 5
    seconds: float = field(init=False, repr=False, compare=False)
    """The duration as it is meant."""

    def __post_init__(self) -> None:
        findings = []
        for part in dataclasses.fields(self):
            if part.name.startswith("max_"):
                most = getattr(self, part.name)
                if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MOST:
                    findings.append(f"{part.name} is {most!r}; it must be a whole number from 1 to {_MOST}")
        try:
            object.__setattr__(self, "seconds", duration(most=_LONGEST)(self.duration))
        except Wrong as wrong:
            findings.append(f"duration {wrong}")
        if findings:
            raise ConfigurationError("; ".join(f"rate_limit.{finding}" for finding in findings))


_NAMES: Final = frozenset(part.name for part in dataclasses.fields(RateLimit) if part.init)


def read_rate_limit(value: object) -> RateLimit | None:
    """The limits; None where they are turned off. `True` stands for the usual ones, a mapping for its fields."""
    match value:
        case RateLimit():
            return value
        case True:
            return RateLimit()
        case False:
            return None
        case Mapping():
            return _from_mapping(value)
        case _:
            raise Wrong(f"is a {type(value).__name__}; it must be a RateLimit, True or False")


def _from_mapping(given: Mapping[Any, Any]) -> RateLimit:
    findings = [str(unknown_entry(name, _NAMES)) for name in given if name not in _NAMES]
    try:
        limits = RateLimit(**{name: value for name, value in given.items() if name in _NAMES})
    except ConfigurationError as error:
        raise Wrong(*findings, f"has something wrong in it: {error.message}") from None
    if findings:
        raise Wrong(*findings)
    return limits
