"""Reading a JWK set that another server publishes (RFC 7517): what can verify is taken, the rest is left out."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from joserfc.util import urlsafe_b64decode
from msgspec import UNSET, UnsetType

from sentri.keys.algorithms import LEAST_RSA_BITS, MOST_RSA_BITS, Algorithm, algorithm_named
from sentri.keys.verifying import VerifyingKey

__all__ = ["LONGEST_KID", "MOST_KEYS", "KeySet", "Unusable", "read_key_set"]

MOST_KEYS: Final = 100
"""Entries of a set that are read; those after them are left out."""

LONGEST_KID: Final = 256
"""Characters."""

_LEAST_EXPONENT: Final = 3
_EXPONENT_LIMIT: Final = 2**32
_COORDINATE: Final = 32  # bytes, of P-256 and of Ed25519
_LONGEST_NAME: Final = 64  # characters of a `kid`, where it is shown
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES: Final = {"EC": "P-256", "OKP": "Ed25519"}

# Ed25519 points of small order (RFC 8032 section 5.1.7 leaves them to the reader): for them anybody makes signatures.
_PRIME: Final = 2**255 - 19
_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


class Unusable(ValueError):
    """The set has no key that can be used. The text says why, with nothing of its content.

    Attributes:
        left_out: why each of its keys was left out.
    """

    def __init__(self, reason: str, left_out: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.left_out = left_out


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that can verify.

    Attributes:
        keys: by `kid`; at least one.
        left_out: the other entries of the set, `'kid': reason`, each with a name that is safe to log.
    """

    keys: Mapping[str, VerifyingKey]
    left_out: tuple[str, ...] = ()


class _Published(msgspec.Struct, frozen=True):
    keys: list[Any]


class _Entry(msgspec.Struct, frozen=True):
    """What sentri reads of a JWK; a member that is there must be of its type."""

    kty: str
    kid: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_KID)]
    use: str | UnsetType = UNSET
    key_ops: list[str] | UnsetType = UNSET
    alg: str | UnsetType = UNSET
    crv: str | UnsetType = UNSET
    n: str | UnsetType = UNSET
    e: str | UnsetType = UNSET
    x: str | UnsetType = UNSET
    y: str | UnsetType = UNSET


class _LeftOut(Exception):
    """The entry is not used; the text says why, with nothing of its content."""


def read_key_set(
    body: bytes,
    *,
    algorithms: Sequence[Algorithm],
    known: Mapping[str, VerifyingKey] = MappingProxyType({}),
) -> KeySet:
    """The keys of a published set that can verify. Raises `Unusable`, and nothing else, where there are none.

    Left out are entries that are not for verifying, of a type, curve or algorithm that is not allowed, too small,
    malformed, without a `kid`, or published with their private part; and every key whose `kid` another one has too.

    Args:
        body: JSON in UTF-8. Its size is the caller's to limit.
        algorithms: those allowed. A key that names none verifies with the first of them that fits its type.
        known: the keys of before, by `kid`. One that did not change stays the same object.
    """
    found: dict[str, VerifyingKey] = {}
    contested: set[str] = set()
    left_out: list[str] = []
    entries = _entries(body)
    for entry in entries[:MOST_KEYS]:
        try:
            key = _key(entry, algorithms, known)
        except _LeftOut as reason:
            left_out.append(f"{_named(entry)}: {reason}")
            contested |= _burnt(entry)
            continue
        kid = str(key.kid)
        if kid in found and not _same(found[kid], key):
            contested.add(kid)
        found.setdefault(kid, key)
    for kid in contested & found.keys():
        del found[kid]
        left_out.append(f"{_shown(kid)}: another key has this kid")
    if len(entries) > MOST_KEYS:
        left_out.append(f"{len(entries) - MOST_KEYS} more: a set is read to its key number {MOST_KEYS}")
    if not found:
        raise Unusable("the key set has no key that can be used", tuple(left_out))
    return KeySet(MappingProxyType(found), tuple(left_out))


def _entries(body: bytes) -> list[Any]:
    try:
        return msgspec.json.decode(body, type=_Published).keys
    except msgspec.ValidationError:
        raise Unusable("the answer is no JSON object with a list of keys") from None
    except (msgspec.MsgspecError, ValueError, RecursionError):  # ValueError: not UTF-8
        raise Unusable("the answer is not JSON") from None


def _key(entry: object, algorithms: Sequence[Algorithm], known: Mapping[str, VerifyingKey]) -> VerifyingKey:
    if not isinstance(entry, dict):
        raise _LeftOut("is no object")
    if _PRIVATE & entry.keys():
        raise _LeftOut("was published with its private part")
    try:
        read = msgspec.convert(entry, _Entry)
    except msgspec.ValidationError as error:
        raise _LeftOut(str(error)) from None  # names the member and the type
    algorithm = _algorithm(read, algorithms)
    members = _members(read)
    before = known.get(read.kid)
    if before is not None and before.algorithm == algorithm and before.jwk.dict_value == members:
        return before
    _check(read)
    try:
        return VerifyingKey(read.kid, algorithm, JWKRegistry.import_key(members))
    except (JoseError, ValueError, TypeError, OverflowError):
        raise _LeftOut("is no key of its type") from None  # such as a point that is not on the curve


def _algorithm(entry: _Entry, algorithms: Sequence[Algorithm]) -> Algorithm:
    """The one that the key verifies with, if it is for verifying at all."""
    if entry.kty not in _MEMBERS:
        raise _LeftOut("has a key type that sentri does not verify with")
    if entry.use not in {UNSET, "sig"} or (entry.key_ops is not UNSET and "verify" not in entry.key_ops):
        raise _LeftOut("is not for verifying")
    fitting = [algorithm for algorithm in algorithms if algorithm.key_type == entry.kty]
    if entry.alg is not UNSET:
        fitting = [algorithm for algorithm in fitting if algorithm == algorithm_named(entry.alg)]
    if not fitting:
        raise _LeftOut("has an algorithm that is not allowed")
    return fitting[0]


def _members(entry: _Entry) -> dict[str, Any]:
    """The public key itself and nothing beside it, as joserfc reads it."""
    members = {name: getattr(entry, name) for name in _MEMBERS[entry.kty]}
    if UNSET in members.values():
        raise _LeftOut("lacks a member of its key type")
    return {"kty": entry.kty, **members}


def _check(entry: _Entry) -> None:
    """What joserfc and OpenSSL would let pass."""
    if entry.kty == "RSA":
        _check_rsa(_number(entry.n), _number(entry.e))
        return
    if entry.crv != _CURVES[entry.kty]:
        raise _LeftOut("is on a curve that is not allowed")
    coordinates = [_octets(value) for value in (entry.x, entry.y) if value is not UNSET]
    if any(len(coordinate) != _COORDINATE for coordinate in coordinates):
        raise _LeftOut(f"has a coordinate that is not {_COORDINATE} bytes long")  # RFC 7518 6.2.1.2, RFC 8032 5.1.2
    if entry.kty == "OKP":
        _check_ed25519(coordinates[0])


def _check_rsa(modulus: int, exponent: int) -> None:
    if not LEAST_RSA_BITS <= modulus.bit_length() <= MOST_RSA_BITS:
        raise _LeftOut(f"has a modulus outside {LEAST_RSA_BITS} to {MOST_RSA_BITS} bits")
    if not modulus % 2:
        raise _LeftOut("has an even modulus")
    if not _LEAST_EXPONENT <= exponent < _EXPONENT_LIMIT or not exponent % 2:
        raise _LeftOut("has a public exponent that is even, below 3, or above 32 bits")


def _check_ed25519(point: bytes) -> None:
    y = int.from_bytes(point, "little") % 2**255  # the highest bit is the sign of x
    if y >= _PRIME or y in _SMALL_ORDER:
        raise _LeftOut("is a point that anybody can sign for")


def _number(text: object) -> int:
    return int.from_bytes(_octets(text), "big")


def _octets(text: object) -> bytes:
    """Of base64url in its one canonical form: no padding, no bits to spare."""
    try:
        return urlsafe_b64decode(str(text).encode("ascii"))
    except (binascii.Error, ValueError):
        raise _LeftOut("has a member that is not canonical base64url") from None


def _burnt(entry: object) -> set[str]:
    """The `kid` of a key that was published with its private part: no other entry may bring it back."""
    if isinstance(entry, dict) and _PRIVATE & entry.keys() and isinstance(entry.get("kid"), str):
        return {entry["kid"]}
    return set()


def _same(one: VerifyingKey, other: VerifyingKey) -> bool:
    return one.algorithm == other.algorithm and one.jwk.dict_value == other.jwk.dict_value


def _named(entry: object) -> str:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    return _shown(kid) if isinstance(kid, str) else "without kid"


def _shown(kid: str) -> str:
    return ascii(kid[:_LONGEST_NAME])
