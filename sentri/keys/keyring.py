"""The keys of one auth server: the first signs, all verify."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sentri.keys.algorithms import Algorithm
from sentri.keys.signing import SigningKey
from sentri.keys.verifying import VerifyingKey

__all__ = ["FixedKeys", "GeneratedKeys", "KeyRing", "Keys"]


class KeyRing:
    """An unchangeable set of keys. The first one signs, all of them verify, each with its own algorithm."""

    __slots__ = ("_by_kid", "_keys", "refresh_keys", "signing")

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)
        self.signing = self._keys[0]
        self.refresh_keys: tuple[SigningKey, ...] = tuple(key.refresh_key() for key in self._keys)
        self._by_kid: dict[str | None, tuple[VerifyingKey, ...]] = {}
        for key in self._keys:
            self._by_kid[key.kid] = (*self._by_kid.get(key.kid, ()), key.verifying)

    def candidates(self, kid: object) -> tuple[VerifyingKey, ...]:
        """The keys that may have signed a token with this `kid`: of key pairs the one that has it; HMAC secrets, whose
        tokens carry no `kid`, all of them.
        """
        if None in self._by_kid:
            return self._by_kid[None]
        return self._by_kid.get(kid, ()) if isinstance(kid, str) else ()

    def published(self) -> dict[str, Any] | None:
        """The JWK set `{"keys": […]}` (RFC 7517 section 5) of the public halves; None with HMAC."""
        return {"keys": [key.published() for key in self._keys]} if self.signing.algorithm.asymmetric else None


class Keys(Protocol):
    """Where the key ring of this moment comes from."""

    def ring(self) -> KeyRing: ...


class FixedKeys:
    """The keys of the configuration."""

    def __init__(self, secrets: Sequence[str], algorithm: Algorithm) -> None:
        self._ring = KeyRing([SigningKey.of_secret(secret, algorithm) for secret in secrets])

    def ring(self) -> KeyRing:
        return self._ring


class GeneratedKeys:
    """A key pair of this process's own, made when it is first needed and gone when the process ends."""

    def __init__(self, algorithm: Algorithm, generate: Callable[[Algorithm], SigningKey] = SigningKey.generate) -> None:
        self._algorithm = algorithm
        self._generate = generate
        self._making = threading.Lock()
        self._ring: KeyRing | None = None

    def ring(self) -> KeyRing:
        with self._making:
            if self._ring is None:
                self._ring = KeyRing([self._generate(self._algorithm)])
            return self._ring
