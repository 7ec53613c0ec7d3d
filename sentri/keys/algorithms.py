"""The one table of algorithms. Nobody else compares algorithm names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["ALGORITHMS", "LEAST_RSA_BITS", "MOST_RSA_BITS", "Algorithm", "algorithm_named"]

LEAST_RSA_BITS: Final = 2048
MOST_RSA_BITS: Final = 8192
"""Of the modulus: smaller ones are broken (RFC 7518, section 3.3), larger ones cost too much to verify with."""

KeyType = Literal["oct", "RSA", "EC", "OKP"]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A JWS algorithm and what its keys must be like.

    Attributes:
        name: the `alg` of the token's header (RFC 7518; `Ed25519` by RFC 9864).
        key_type: the key's `kty`.
        least_bytes: of an HMAC secret (RFC 7518 section 3.2: as long as the hash); 0 for the others.
        generated: what joserfc needs to make a key: the RSA modulus in bits, or the curve.
    """

    name: str
    key_type: KeyType
    least_bytes: int = 0
    generated: int | str | None = None

    @property
    def asymmetric(self) -> bool:
        """Whether its keys have a public half that can be published."""
        return self.key_type != "oct"


_TABLE: Final = (
    Algorithm("HS256", "oct", least_bytes=32),
    Algorithm("HS384", "oct", least_bytes=48),
    Algorithm("HS512", "oct", least_bytes=64),
    Algorithm("RS256", "RSA", generated=2048),
    Algorithm("RS384", "RSA", generated=2048),
    Algorithm("RS512", "RSA", generated=2048),
    Algorithm("ES256", "EC", generated="P-256"),
    Algorithm("Ed25519", "OKP", generated="Ed25519"),
)
ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType({a.name: a for a in _TABLE})
"""By name. The configuration may write `EdDSA` for `Ed25519`; tokens and key sets never do."""


def algorithm_named(name: object) -> Algorithm | None:
    """The algorithm that the configuration means; None for a name that sentri does not sign with."""
    return ALGORITHMS.get("Ed25519" if name == "EdDSA" else name) if isinstance(name, str) else None
