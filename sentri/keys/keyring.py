"""The keys of one auth server: the first signs, all verify."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

from sentri.errors import SentriError
from sentri.keys.algorithms import Algorithm
from sentri.keys.signing import SigningKey, published
from sentri.keys.verifying import VerifyingKey

__all__ = ["FixedKeys", "GeneratedKeys", "KeyRing", "Keys"]


class KeyRing:
    """An unchangeable set of keys. One signs, all of them verify, each with its own algorithm.

    Args:
        signing: what signs access tokens; None where this process has no key that it may sign with.
        verifying: what verifies them, the signing one first.
        refresh_keys: of refresh tokens: the first signs, all verify.
        signing_until: when what signs is refused: no token of it lives longer.
    """

    __slots__ = ("_by_kid", "_keys", "_refresh_keys", "_signing", "signing_until")

    def __init__(
        self,
        signing: SigningKey | None,
        verifying: Sequence[VerifyingKey],
        refresh_keys: Sequence[SigningKey],
        *,
        signing_until: float = math.inf,
    ) -> None:
        self.signing_until = signing_until
        self._signing = signing
        self._keys = tuple(verifying)
        self._refresh_keys = tuple(refresh_keys)
        self._by_kid: dict[str | None, tuple[VerifyingKey, ...]] = {}
        for key in self._keys:
            self._by_kid[key.kid] = (*self._by_kid.get(key.kid, ()), key)

    @classmethod
    def of(cls, keys: Sequence[SigningKey]) -> KeyRing:
        """The first key signs, all verify; each has a refresh key that follows from it."""
        return cls(keys[0], [key.verifying for key in keys], [key.refresh_key() for key in keys])

    @property
    def signing(self) -> SigningKey:
        """The key that signs access tokens. Raises `KEYS_UNAVAILABLE`."""
        if self._signing is None:
            raise _unavailable()
        return self._signing

    @property
    def refresh_keys(self) -> tuple[SigningKey, ...]:
        """The keys of refresh tokens. Raises `KEYS_UNAVAILABLE`, rather than to call good tokens bad ones."""
        if not self._refresh_keys:
            raise _unavailable()
        return self._refresh_keys

    def candidates(self, kid: object) -> tuple[VerifyingKey, ...]:
        """The keys that may have signed a token with this `kid`: of key pairs the one that has it; HMAC secrets, whose
        tokens carry no `kid`, all of them.
        """
        if None in self._by_kid:
            return self._by_kid[None]
        return self._by_kid.get(kid, ()) if isinstance(kid, str) else ()

    def published(self) -> dict[str, Any] | None:
        """The JWK set `{"keys": […]}` (RFC 7517 section 5) of the public halves; None with HMAC."""
        return None if None in self._by_kid else {"keys": [published(key) for key in self._keys]}


def _unavailable() -> SentriError:
    return SentriError(
        "KEYS_UNAVAILABLE", "This server has no key to sign with at present.", headers={"Retry-After": "5"}
    )


class Keys:
    """Where the key ring of this moment comes from. What needs no opening and no closing leaves those as they are."""

    def ring(self) -> KeyRing:
        """The keys of this moment. Cheap enough to be asked for every token."""
        raise NotImplementedError

    async def open(self) -> None:
        """Get ready while the auth object opens."""

    async def ready(self) -> None:
        """Make sure that `ring` answers. Raises `CONFIGURATION_ERROR` where that needs a migration."""

    async def learn(self, kid: object) -> bool:  # noqa: ARG002 - for those who can learn
        """Whether there is a key of that name by now, which there was not when a token was refused."""
        return False

    def was_ended(self, kid: str) -> bool:  # noqa: ARG002 - for those whose keys can be ended
        """Whether somebody ended the key of that name, as of the last look: its tokens are not old but refused."""
        return False

    async def close(self) -> None:
        """Let go of everything. Safe to repeat."""


class FixedKeys(Keys):
    """The keys of the configuration."""

    def __init__(self, secrets: Sequence[str], algorithm: Algorithm) -> None:
        self._ring = KeyRing.of([SigningKey.of_secret(secret, algorithm) for secret in secrets])

    def ring(self) -> KeyRing:
        return self._ring


class GeneratedKeys(Keys):
    """A key pair of this process's own, made when it is first needed and gone when the process ends."""

    def __init__(self, algorithm: Algorithm, generate: Callable[[Algorithm], SigningKey] = SigningKey.generate) -> None:
        self._algorithm = algorithm
        self._generate = generate
        self._making = threading.Lock()
        self._ring: KeyRing | None = None

    async def open(self) -> None:
        await asyncio.to_thread(self.ring)  # making a key pair takes a while

    def ring(self) -> KeyRing:
        with self._making:
            if self._ring is None:
                self._ring = KeyRing.of([self._generate(self._algorithm)])
            return self._ring
