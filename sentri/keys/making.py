"""New keys, as the rows that they are kept in."""

from __future__ import annotations

import asyncio

from sentri.clock import Clock
from sentri.keys.algorithms import Algorithm
from sentri.keys.encrypting import KeyEncryption
from sentri.keys.records import KeyRecord, Purpose
from sentri.keys.signing import SigningKey
from sentri.randomness import new_jti, new_secret

__all__ = ["KeyMaker"]


class KeyMaker:
    """Makes keys off the event loop.

    Args:
        algorithm: of access tokens.
        token_lifetime: seconds, of the access tokens that this process signs.
    """

    def __init__(self, algorithm: Algorithm, encryption: KeyEncryption, clock: Clock, *, token_lifetime: float) -> None:
        self.algorithm = algorithm
        self.token_lifetime = token_lifetime
        self._encryption = encryption
        self._clock = clock

    async def make(self, purpose: Purpose, generation: int, *, signs_in: float = 0.0) -> KeyRecord:
        """A new key that begins to sign `signs_in` seconds after it was made."""
        return await asyncio.to_thread(self._made, purpose, generation, signs_in)

    def _made(self, purpose: Purpose, generation: int, signs_in: float) -> KeyRecord:
        access = purpose == "access"
        kid, key = self._named(access=access)
        now = self._clock()
        return KeyRecord(
            kid=kid,
            purpose=purpose,
            generation=generation,
            algorithm=key.algorithm.name,
            public_key=key.public_jwk() if access else None,
            private_key=self._encryption.encrypt(key, kid),
            created_at=now,
            signs_at=now + signs_in,
            retired_at=None,
            token_lifetime=self.token_lifetime if access else 0.0,
        )

    def _named(self, *, access: bool) -> tuple[str, SigningKey]:
        while True:
            key = SigningKey.generate(self.algorithm) if access else SigningKey.of_bytes(new_secret())
            kid = key.kid or new_jti()
            if not kid.startswith("-"):  # one in 64: on a command line it would pass for an option
                return kid, key
