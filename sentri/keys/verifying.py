"""One key that verifies, bound to the one algorithm that it verifies with (RFC 8725, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from joserfc.jwk import Key

from sentri.keys.algorithms import Algorithm

__all__ = ["VerifyingKey"]


@dataclass(frozen=True, slots=True, eq=False)
class VerifyingKey:
    """A key with its algorithm. Two are equal only where they are one object.

    Attributes:
        kid: the key id that tokens name it by; None for an HMAC secret.
        algorithm: the only one that it verifies with, whatever a token says.
        jwk: the key as joserfc takes it.
    """

    kid: str | None
    algorithm: Algorithm
    jwk: Key = field(repr=False)
