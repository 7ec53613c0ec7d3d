"""Names for what must not be named: keyed digests."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

__all__ = ["Digests"]


class Digests:
    """Names that nobody reads or makes without the server's secret (keyed BLAKE2b, RFC 7693).

    Args:
        secrets: the first makes new digests; those of the others are recognised.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [hashlib.blake2b(secret, person=b"sentri.digests").digest() for secret in secrets]

    def of(self, purpose: str, *parts: str) -> bytes:
        """18 bytes, different for different lists of parts and for different purposes."""
        return _digest(self._keys[0], purpose, parts)

    def all_of(self, purpose: str, *parts: str) -> list[bytes]:
        """What it is and may have been, under every secret."""
        return [_digest(key, purpose, parts) for key in self._keys]


def _digest(key: bytes, purpose: str, parts: Collection[str]) -> bytes:
    digest = hashlib.blake2b(key=key, digest_size=18)
    for part in (purpose, *parts):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()
