"""New keys, as the rows that they are kept in."""

from __future__ import annotations

from sentri.clock import Clock
from sentri.keys.algorithms import Algorithm, algorithm_named
from sentri.keys.encrypting import KeyEncryption
from sentri.keys.records import KeyRecord, Purpose
from sentri.keys.signing import SigningKey
from sentri.randomness import new_jti, new_secret
from sentri.threads import Threads

__all__ = ["KeyMaker"]


class KeyMaker:
    """Makes keys off the event loop.

    Args:
        algorithm: of access tokens.
        token_lifetime: seconds, of the access tokens that this process signs.
        algorithm_stated: whether somebody chose the algorithm. One that nobody chose is that of the very first key
            alone: others follow the key that signs.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        encryption: KeyEncryption,
        clock: Clock,
        *,
        token_lifetime: float,
        algorithm_stated: bool = True,
    ) -> None:
        self.algorithm = algorithm
        self.algorithm_stated = algorithm_stated
        self.token_lifetime = token_lifetime
        self._encryption = encryption
        self._clock = clock
        self._worker = Threads("sentri-key-making")  # its own: a look does not wait until an RSA key is made

    async def make(
        self, purpose: Purpose, generation: int, *, signs_in: float = 0.0, after: str | None = None
    ) -> KeyRecord:
        """A new key that begins to sign `signs_in` seconds after it was made.

        `after` names the algorithm of the key that it follows.
        """
        algorithm = self._following(after)
        return await self._worker.run(lambda: self._made(purpose, generation, signs_in, algorithm))

    def close(self) -> None:
        """End the thread. Safe to repeat."""
        self._worker.close()

    def _following(self, name: str | None) -> Algorithm:
        return self.algorithm if self.algorithm_stated else algorithm_named(name) or self.algorithm

    def _made(self, purpose: Purpose, generation: int, signs_in: float, algorithm: Algorithm) -> KeyRecord:
        kid, key = _named(algorithm if purpose == "access" else None)
        now = self._clock()
        return KeyRecord(
            kid=kid,
            purpose=purpose,
            generation=generation,
            algorithm=key.algorithm.name,
            public_key=key.public_jwk() if purpose == "access" else None,
            private_key=self._encryption.encrypt(key, kid),
            created_at=now,
            signs_at=now + signs_in,
            retired_at=None,
            token_lifetime=self.token_lifetime if purpose == "access" else 0.0,
        )


def _named(algorithm: Algorithm | None) -> tuple[str, SigningKey]:
    while True:
        key = SigningKey.of_bytes(new_secret()) if algorithm is None else SigningKey.generate(algorithm)
        kid = key.kid or new_jti()
        if not kid.startswith("-"):  # one in 64: on a command line it would pass for an option
            return kid, key
