"""Private keys for tests: made when they are first asked for, once a process, and shipped with nothing."""

from __future__ import annotations

import functools
import hmac
import secrets
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sentri.keys.algorithms import Algorithm, algorithm_named
from sentri.keys.keyring import KeyRing, Keys
from sentri.keys.signing import SigningKey

__all__ = ["KeyPool", "PooledKeys", "TestKey"]

_HASHES: Final = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
_COORDINATE: Final = 32  # bytes of one on P-256 (RFC 7518, section 3.4)


class TestKey:
    """A private key with its algorithm. Its repr shows the key id, nothing of the key.

    Attributes:
        signing: the key as a server's configuration or key ring takes it.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(self, signing: SigningKey) -> None:
        self.signing = signing

    def __repr__(self) -> str:
        return f"<TestKey {self.algorithm} kid={self.kid}>"

    @property
    def algorithm(self) -> str:
        """The JWS name, such as `RS256`."""
        return self.signing.algorithm.name

    @property
    def kid(self) -> str | None:
        """The RFC 7638 thumbprint; None for a secret."""
        return self.signing.kid

    @property
    def pem(self) -> str:
        """The private key, as the option `secret` takes it. Only for key pairs."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()  # type: ignore[no-any-return]

    @property
    def public(self) -> Any:
        """The public half, an object of `cryptography`. Only for key pairs."""
        return self._private.public_key()

    def jwk(self) -> dict[str, Any]:
        """The public half as a member of a JWK set. Only for key pairs."""
        return self.signing.published()

    @property
    def material(self) -> bytes:
        """The secret, or the private key in PEM."""
        if self.signing.algorithm.key_type == "oct":
            return self.signing.jwk.raw_value  # type: ignore[return-value]
        return self.pem.encode()

    def sign(self, message: bytes) -> bytes:
        """The JWS signature of these bytes (RFC 7518)."""
        if self.signing.algorithm.key_type == "oct":
            return hmac.digest(self.material, message, f"sha{self.algorithm[2:]}")
        match self._private:
            case rsa.RSAPrivateKey() as key:
                return key.sign(message, padding.PKCS1v15(), _HASHES[self.algorithm[2:]])
            case ec.EllipticCurvePrivateKey() as key:
                r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
                return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
            case ed25519.Ed25519PrivateKey() as key:
                return key.sign(message)
        raise TypeError(f"{self!r} signs nothing")

    @property
    def _private(self) -> Any:
        return self.signing.jwk.get_op_key("sign")


class KeyPool:
    """Keys by algorithm and number: the same ones for the whole process, so that no test waits for an RSA key twice."""

    def key(self, algorithm: str = "RS256", number: int = 0) -> TestKey:
        """The key with this number; another number is another key.

        Raises `ValueError` for an algorithm that sentri does not sign with.
        """
        known = algorithm_named(algorithm)
        if known is None:
            raise ValueError(f"there is no algorithm {algorithm!r}")
        return _made(known, number)


@functools.cache
def _made(algorithm: Algorithm, number: int) -> TestKey:
    if not algorithm.asymmetric:
        return TestKey(SigningKey.of_secret(secrets.token_urlsafe(64), algorithm))
    if algorithm.key_type == "RSA" and algorithm.name != "RS256":  # RSA keys take long: one does for the family
        return TestKey(SigningKey.of_secret(KeyPool().key("RS256", number).pem, algorithm))
    return TestKey(SigningKey.generate(algorithm))


class PooledKeys(Keys):
    """The pool's key for an algorithm: as good as one of the server's own, without the time that making one takes."""

    def __init__(self, algorithm: str) -> None:
        self._ring = KeyRing.of([KeyPool().key(algorithm).signing])

    def ring(self) -> KeyRing:
        return self._ring
