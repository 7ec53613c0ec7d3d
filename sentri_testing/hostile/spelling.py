"""Spelling tokens wrongly, and signing them with what is not theirs."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.jwk import JWKRegistry

from sentri_testing.keys import KeyPool, TestKey
from sentri_testing.minting import Mint, Signer, decoded, encoded, merged

__all__ = [
    "OTHER_ID",
    "bomb",
    "der_signature",
    "encrypted",
    "flipped",
    "hmac_signer",
    "nested",
    "other_jwk",
    "other_key",
    "plain_base64",
    "public_forms",
    "resigned",
    "segments",
    "unsigned",
    "with_header",
    "with_spare_bits",
]

OTHER_ID: Final = "11111111-2222-4333-8444-555555555555"
_ATTACKERS: Final = -1  # number in the pool: no server has it
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def hmac_signer(secret: bytes, name: str = "HS256") -> Signer:
    """Signs with this secret."""
    return lambda message: hmac.digest(secret, message, f"sha{name[2:]}")


def unsigned(_: bytes) -> bytes:
    """No signature at all."""
    return b""


def _attackers(mint: Mint) -> TestKey:
    return KeyPool().key(mint.algorithm, _ATTACKERS)


def other_key(mint: Mint) -> Signer:
    """Signs with a key that the server does not know, of the right kind."""
    return _attackers(mint).sign


def other_jwk(mint: Mint) -> dict[str, Any]:
    """The attacker's public key as a JWK (RFC 7517); for HMAC their secret."""
    key = _attackers(mint)
    if mint.algorithm.startswith("HS"):
        return {"kty": "oct", "k": encoded(key.material)}
    return key.signing.public_jwk()


def public_forms(mint: Mint) -> list[bytes]:
    """What a server might have at hand as "the key": each a classic HMAC secret of an HS/RS confusion."""
    public = mint.key.public
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.strip(), public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]


def der_signature(mint: Mint) -> Signer:
    """The right signature of an elliptic curve in the encoding of X.509, which JWS does not use."""

    def sign(message: bytes) -> bytes:
        raw = mint.key.sign(message)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    return sign


def is_elliptic(mint: Mint) -> bool:
    """Whether the server signs with ECDSA."""
    return isinstance(mint.key.public, ec.EllipticCurvePublicKey)


def encrypted(mint: Mint, **header: Any) -> str:
    """A real JWE that holds the good token, encrypted to the server's own public key where that can be."""
    if mint.algorithm.startswith("RS"):
        key = JWKRegistry.import_key(public_forms(mint)[0], "RSA")
        protected = {"alg": "RSA-OAEP", "enc": "A256GCM", **header}
    else:
        key = JWKRegistry.import_key({"kty": "oct", "k": encoded(bytes(32))}, "oct")
        protected = {"alg": "dir", "enc": "A256GCM", **header}
    return jwe.encrypt_compact(protected, mint.good.encode(), key, algorithms=[*protected.values()])


def bomb(mint: Mint) -> str:
    """A JWE whose content is small, and huge once it is decompressed."""
    key = JWKRegistry.import_key({"kty": "oct", "k": encoded(bytes(32))}, "oct")
    protected = {"alg": "dir", "enc": "A256GCM", "zip": "DEF", "kid": mint.header.get("kid") or "k"}
    return jwe.encrypt_compact(protected, b" " * 1_000_000, key, algorithms=["dir", "A256GCM", "DEF"])


def segments(mint: Mint, change: Callable[[list[str]], list[str]]) -> str:
    """The good token with other segments."""
    return ".".join(change(mint.good.split(".")))


def flipped(mint: Mint, position: int, place: float) -> str:
    """The good token with one bit of a segment flipped, at a place from 0 to 1."""
    parts = mint.good.split(".")
    raw = bytearray(decoded(parts[position]))
    raw[int((len(raw) - 1) * place)] ^= 1
    parts[position] = encoded(bytes(raw))
    return ".".join(parts)


def with_header(mint: Mint, **header: Any) -> str:
    """The good token with other header parameters, validly signed."""
    return mint.token(header)


def resigned(mint: Mint, change: Callable[[str, str], str]) -> str:
    """The good token with its header and payload respelled, and signed as they are then."""
    message = change(*mint.good.split(".")[:2])
    return f"{message}.{encoded(mint.key.sign(message.encode()))}"


def plain_base64(mint: Mint) -> str:
    """Signed over a payload in the alphabet of plain base64."""
    payload = encoded(merged(mint.claims, {"x": "~~~???>>>"})).replace("-", "+").replace("_", "/")
    return resigned(mint, lambda header, _: f"{header}.{payload}")


def _not_canonical(segment: str) -> str:
    """The same bytes in another spelling: unused bits of the last character set (RFC 4648, section 3.5)."""
    other = segment[:-1] + _ALPHABET[_ALPHABET.index(segment[-1]) + 1]
    if decoded(segment) != decoded(other):
        raise ValueError("this segment has no unused bits")
    return other


def with_spare_bits(mint: Mint, position: int) -> str:
    """A valid token in which this segment has unused bits, and has them set."""
    spaced = [merged(mint.header, {}), merged(mint.claims, {})]
    if position < len(spaced):
        while len(spaced[position]) % 3 == 0:
            spaced[position] += b" "
    parts = mint.raw(spaced[0], spaced[1]).split(".")
    if position == len(spaced):
        return ".".join([*parts[:2], _not_canonical(parts[2])])
    parts[position] = _not_canonical(parts[position])
    return resigned(mint, lambda *_: f"{parts[0]}.{parts[1]}")


def nested(depth: int) -> str:
    """JSON lists within lists."""
    return "[" * depth + "]" * depth
