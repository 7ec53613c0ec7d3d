"""One key that signs: read from the configuration or generated, never weaker than its algorithm asks for."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc.jwk import JWKRegistry, Key, OctKey

from sentri.keys.algorithms import ALGORITHMS, LEAST_RSA_BITS, MOST_RSA_BITS, Algorithm
from sentri.keys.verifying import VerifyingKey

__all__ = ["KeyRefused", "SigningKey", "findings", "published"]

_REFRESH_INFO: Final = b"sentri/refresh-token/v1"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class KeyRefused(ValueError):
    """The material is no key for the algorithm; the text says why, never what was given."""


class SigningKey:
    """A key with its one algorithm. The repr shows the algorithm and the key id, nothing of the key.

    Attributes:
        algorithm: the only one that it signs and verifies with.
        jwk: the key as joserfc takes it.
        kid: RFC 7638 thumbprint of the public key; None for an HMAC secret, whose hash is nobody's business.
        verifying: the same key as what verifies its signatures.
    """

    __slots__ = ("_material", "algorithm", "jwk", "kid", "verifying")

    def __init__(self, algorithm: Algorithm, jwk: Key, material: bytes) -> None:
        self.algorithm = algorithm
        self.jwk = jwk
        self.kid: str | None = jwk.thumbprint() if algorithm.asymmetric else None
        self.verifying = VerifyingKey(self.kid, algorithm, jwk)
        self._material = material

    def __repr__(self) -> str:
        return f"<SigningKey {self.algorithm.name} kid={self.kid}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SigningKey) and hmac.compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        return hash((self.algorithm, self.kid))

    @classmethod
    def of_secret(cls, secret: str, algorithm: Algorithm) -> SigningKey:
        """The key that a configured `secret` describes: an HMAC secret, or a private key in PEM.

        Raises `KeyRefused` where it is too short, too small, public, encrypted or of another kind.
        """
        if algorithm.key_type == "oct":
            return cls._of_bytes(secret.encode(), algorithm)
        return cls._of_private_key(_private_key(secret, algorithm), algorithm)

    @classmethod
    def generate(cls, algorithm: Algorithm) -> SigningKey:
        """A new asymmetric key of the algorithm's usual size."""
        made = JWKRegistry.generate_key(algorithm.key_type, algorithm.generated)
        return cls._of_private_key(cast("PrivateKey", made.get_op_key("sign")), algorithm)

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, Any], algorithm: Algorithm) -> SigningKey:
        """The key that `private_jwk` gave. Raises `KeyRefused`, or what joserfc raises, for anything else."""
        imported = JWKRegistry.import_key(dict(jwk), algorithm.key_type)
        if not imported.is_private:
            raise KeyRefused("is a public key")
        if isinstance(imported, OctKey):
            return cls._of_bytes(imported.raw_value, algorithm)
        return cls._of_private_key(cast("PrivateKey", imported.get_op_key("sign")), algorithm)

    @classmethod
    def of_bytes(cls, secret: bytes) -> SigningKey:
        """The MAC key of refresh tokens that consists of these random bytes."""
        return cls._of_bytes(secret, ALGORITHMS["HS256"])

    @classmethod
    def _of_bytes(cls, secret: bytes, algorithm: Algorithm) -> SigningKey:
        if b"-----BEGIN" in secret:
            raise KeyRefused(f"is a PEM, but {algorithm.name} signs with a shared secret, not with a key pair")
        if len(secret) < algorithm.least_bytes:
            raise KeyRefused(
                f"has {len(secret)} bytes; {algorithm.name} needs at least {algorithm.least_bytes} (RFC 7518, 3.2)"
            )
        return cls(algorithm, OctKey.import_key(secret), secret)

    @classmethod
    def _of_private_key(cls, private: PrivateKey, algorithm: Algorithm) -> SigningKey:
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return cls(algorithm, JWKRegistry.import_key(pem, algorithm.key_type), der)

    def refresh_key(self) -> SigningKey:
        """The MAC key of refresh tokens that follows from this key (HKDF, RFC 5869): one never passes as the other."""
        derived = HKDF(SHA256(), length=32, salt=None, info=_REFRESH_INFO).derive(self._material)
        return SigningKey(ALGORITHMS["HS256"], OctKey.import_key(derived), derived)

    def published(self) -> dict[str, Any]:
        """The public half as a member of a JWK set (RFC 7517). Only for asymmetric keys."""
        return published(self.verifying)

    def public_jwk(self) -> dict[str, Any]:
        """The public half and nothing beside it. Only for asymmetric keys."""
        return self.jwk.as_dict(private=False)

    def private_jwk(self) -> dict[str, Any]:
        """The whole key, as RFC 7517 writes it: for `KeyEncryption` alone."""
        return self.jwk.as_dict(private=True)


def published(key: VerifyingKey) -> dict[str, Any]:
    """The key's public half as a member of a JWK set (RFC 7517). Only for asymmetric keys."""
    return {**key.jwk.as_dict(private=False), "use": "sig", "kid": key.kid, "alg": key.algorithm.name}


def findings(algorithm: Algorithm, secrets: tuple[str, ...]) -> list[str]:
    """What is wrong with each configured secret, without a word of it."""
    found: list[str] = []
    seen: list[SigningKey] = []
    for position, secret in enumerate(secrets):
        name = "secret" if len(secrets) == 1 else f"secret[{position}]"
        try:
            key = SigningKey.of_secret(secret, algorithm)
        except KeyRefused as refused:
            found.append(f"{name} {refused}")
            continue
        if key in seen:
            found.append(f"{name} repeats an earlier one")
        seen.append(key)
    return found


def _private_key(pem: str, algorithm: Algorithm) -> PrivateKey:
    if "PUBLIC KEY-----" in pem or "CERTIFICATE-----" in pem:
        raise KeyRefused("is a public key; signing needs the private one, in PEM")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise KeyRefused("is an encrypted private key; give it decrypted, from a secret store") from None
    except Exception:  # noqa: BLE001 - whatever the parser trips over, the finding is the same and names no content
        raise KeyRefused(f"is no private key in PEM, which {algorithm.name} needs") from None
    match key:
        case rsa.RSAPrivateKey() if algorithm.key_type == "RSA":
            if not LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
                raise KeyRefused(f"has {key.key_size} bits; RSA keys must have {LEAST_RSA_BITS} to {MOST_RSA_BITS}")
            return key
        case ec.EllipticCurvePrivateKey() if algorithm.key_type == "EC" and isinstance(key.curve, ec.SECP256R1):
            return key
        case ed25519.Ed25519PrivateKey() if algorithm.key_type == "OKP":
            return key
    wanted = {"RSA": "an RSA key", "EC": "a P-256 key", "OKP": "an Ed25519 key"}[algorithm.key_type]
    raise KeyRefused(f"is a private key of another kind; {algorithm.name} needs {wanted}")
