"""Private keys at rest: a JWE (RFC 7516) that says which row it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from sentri.keys.algorithms import ALGORITHMS
from sentri.keys.records import KeyRecord
from sentri.keys.signing import KeyRefused, SigningKey

__all__ = ["KeyEncryption", "NotDecrypted"]

_INFO: Final = b"sentri/signing-keys/v1"
_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
_ALLOWED: Final = list(_HEADER.values())
_BROKEN: Final = (JoseError, KeyRefused, ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError)


class NotDecrypted(Exception):
    """No secret decrypts the row's key, or what comes out belongs to another row."""


class KeyEncryption:
    """Encrypts with the first secret, decrypts with any (direct encryption, A256GCM, a key from HKDF-SHA256).

    The JWE holds the private JWK with its `kid` and `alg`, which have to be the row's: rows cannot be swapped.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = tuple(_derived(secret) for secret in secrets)

    def __repr__(self) -> str:
        return f"<KeyEncryption of {len(self._keys)} secrets>"

    def encrypt(self, key: SigningKey, kid: str) -> str:
        """The key as a row keeps it."""
        text = msgspec.json.encode({**key.private_jwk(), "kid": kid, "alg": key.algorithm.name})
        return jwe.encrypt_compact(_HEADER, text, self._keys[0], algorithms=_ALLOWED)

    def decrypt(self, record: KeyRecord) -> SigningKey:
        """The key of the row. Raises `NotDecrypted`. It takes some 50 ms for an RSA key: not for the event loop."""
        for secret in self._keys:
            if (text := _plain(record, secret)) is not None:
                return _belonging(text, record)
        raise NotDecrypted

    def renewed(self, record: KeyRecord) -> str | None:
        """The row's text under the first secret; None where it is that already, or where no secret decrypts it."""
        first, *others = self._keys
        if _plain(record, first) is not None:
            return None
        found = (text for secret in others if (text := _plain(record, secret)) is not None)
        text = next(found, None)
        return None if text is None else jwe.encrypt_compact(_HEADER, text, first, algorithms=_ALLOWED)


def _derived(secret: str) -> OctKey:
    return OctKey.import_key(HKDF(SHA256(), length=32, salt=None, info=_INFO).derive(secret.encode()))


def _plain(record: KeyRecord, secret: OctKey) -> bytes | None:
    if record.private_key is None:
        return None
    try:
        return jwe.decrypt_compact(record.private_key, secret, algorithms=_ALLOWED).plaintext
    except _BROKEN:
        return None


def _belonging(text: bytes, record: KeyRecord) -> SigningKey:
    try:
        jwk: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        if (jwk.pop("kid"), jwk.pop("alg")) != (record.kid, record.algorithm):
            raise NotDecrypted
        key = SigningKey.of_jwk(jwk, ALGORITHMS[record.algorithm])
    except _BROKEN:
        raise NotDecrypted from None
    asymmetric = record.purpose == "access"
    if key.algorithm.asymmetric != asymmetric or (asymmetric and key.kid != record.kid):
        raise NotDecrypted
    return key
