"""Signing tokens by hand: any header, any claims, any spelling."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sentri_testing.keys import TestKey

__all__ = ["ABSENT", "Mint", "Signer", "compact", "decoded", "encoded", "merged"]

Signer = Callable[[bytes], bytes]
"""Makes the signature of a message."""


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""In place of the value of a claim or a header parameter: without it."""


def encoded(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def merged(members: Mapping[str, Any], changes: Mapping[str, Any]) -> bytes:
    """The members with these changes, as JSON; what is `ABSENT` is left out."""
    together = {name: value for name, value in {**members, **changes}.items() if value is not ABSENT}
    return json.dumps(together).encode()


def compact(header: bytes, payload: bytes, sign: Signer) -> str:
    """A compact JWS of exactly this header and this payload."""
    message = f"{encoded(header)}.{encoded(payload)}"
    return f"{message}.{encoded(sign(message.encode()))}"


@dataclass(frozen=True)
class Mint:
    """Signs whatever it is told with the key of the server under attack. Its repr shows neither key nor token.

    Attributes:
        key: what signs.
        now: the time of whoever judges the tokens: seconds since the Unix epoch.
        header, claims: of a good token.
        good: that token.
        leeway: seconds that whoever judges grants beyond `exp`.
    """

    key: TestKey = field(repr=False)
    now: float
    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    good: str = field(repr=False)
    leeway: float = 0.0

    @classmethod
    def of(cls, good: str, key: TestKey, now: float, *, leeway: float = 0.0) -> Mint:
        """A mint that varies this good token."""
        header, payload, _ = good.split(".")
        return cls(key, now, json.loads(decoded(header)), json.loads(decoded(payload)), good, leeway)

    @property
    def algorithm(self) -> str:
        """The JWS name of the key's algorithm."""
        return self.key.algorithm

    @property
    def dead(self) -> float:
        """The latest `exp` that is over."""
        return self.now - self.leeway

    def with_claims(self, **claims: Any) -> Mint:
        """The same with other claims in its good token."""
        return Mint.of(self.token(**claims), self.key, self.now, leeway=self.leeway)

    def token(self, header: Mapping[str, Any] | None = None, signer: Signer | None = None, **claims: Any) -> str:
        """The good token with other members in its header and other claims; validly signed unless told otherwise."""
        return self.raw(merged(self.header, header or {}), merged(self.claims, claims), signer)

    def raw(self, header: bytes, payload: bytes, signer: Signer | None = None) -> str:
        """A token of exactly this header and this payload."""
        return compact(header, payload, signer or self.key.sign)

    def payload(self, text: str) -> str:
        """A validly signed token of this payload."""
        return self.raw(merged(self.header, {}), text.encode("utf-8", "surrogatepass"))

    def member(self, name: str, text: str) -> str:
        """The good claims with `name` written as this JSON text."""
        rest = {key: value for key, value in self.claims.items() if key != name}
        return self.payload(f'{json.dumps(rest)[:-1]}, "{name}": {text}}}')
