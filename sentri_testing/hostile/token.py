"""What a hostile token is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sentri_testing.minting import Mint

__all__ = ["Builder", "HostileToken", "Section"]

Builder = Callable[[Mint], Any]


@dataclass(frozen=True)
class HostileToken:
    """A token that no route may accept.

    Attributes:
        name: unique, stable: `token_factory(name)` makes one.
        tries: what it tries, in a sentence.
        source: where that is described.
        build: makes it, with the key of the server under attack.
        code: what it is to be refused with.
        asymmetric: whether it is for key pairs only.
        elliptic: whether it is for ECDSA only.
        travels: whether it can be sent in a header; others are strings that no header carries, or no strings at all.
    """

    name: str
    tries: str
    source: str
    build: Builder = field(repr=False)
    code: str = "TOKEN_INVALID"
    asymmetric: bool = False
    elliptic: bool = False
    travels: bool = True

    def is_for(self, algorithm: str) -> bool:
        """Whether it makes sense against a server that signs with this algorithm."""
        if self.elliptic:
            return algorithm.startswith("ES")
        return not (self.asymmetric and algorithm.startswith("HS"))


@dataclass(frozen=True)
class Section:
    """Hostile tokens that try the same; the attributes are those of `HostileToken`."""

    tries: str
    source: str
    builders: Mapping[str, Builder]
    code: str = "TOKEN_INVALID"
    asymmetric: bool = False
    elliptic: bool = False
    travels: bool = True

    def tokens(self) -> list[HostileToken]:
        """Each of them."""
        return [
            HostileToken(
                name,
                f"{name}: {self.tries}",
                self.source,
                build,
                self.code,
                self.asymmetric,
                self.elliptic,
                self.travels,
            )
            for name, build in self.builders.items()
        ]
