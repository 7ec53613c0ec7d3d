"""Signed compact tokens: nothing is believed that the signature of one expected algorithm does not cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from sentri.errors import SentriError
from sentri.keys.algorithms import ALGORITHMS, algorithm_named
from sentri.keys.signing import SigningKey
from sentri.keys.verifying import VerifyingKey

__all__ = ["LONGEST_TOKEN", "TokenFormat", "UnverifiedToken", "expired", "refused"]

LONGEST_TOKEN: Final = 8192
"""Bytes. A token travels in a header or a cookie, and servers take no longer ones there."""

_BROKEN: Final = (JoseError, ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError)


class _Registry(jws.JWSRegistry):
    """joserfc's checks, with room for what a header of another server's may hold and for the signature of RSA-8192."""

    max_header_length = 4096
    max_signature_length = 1366


_REGISTRY: Final = _Registry(algorithms=list(ALGORITHMS), strict_check_header=False)


def refused() -> SentriError:
    """`TOKEN_INVALID`: one answer for everything that is wrong with a token, so that nothing is learned from it."""
    return SentriError("TOKEN_INVALID", "The token is not valid.")


def expired() -> SentriError:
    """`TOKEN_EXPIRED`: valid in everything but `exp`."""
    return SentriError("TOKEN_EXPIRED", "The token has expired.")


class UnverifiedToken:
    """A compact token, taken apart (RFC 7515, section 3.1). What it says helps to find the key that has to verify it.

    Attributes:
        kid: the key id of its header, whatever that is.
        algorithm: what its header names; None for what sentri does not know.
        claims: what it claims, once `is_signed_by` has said so.
    """

    __slots__ = ("_signed", "_typ", "algorithm", "claims", "kid")

    def __init__(self, token: object) -> None:
        """Raises `TOKEN_INVALID` for what is no token, and for extensions: `crit`, an unencoded payload."""
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise refused()
        try:
            self._signed = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY)
            header: Mapping[str, Any] = self._signed.protected
            if not isinstance(header, dict) or "crit" in header or "b64" in header:
                raise refused()
            self.claims = msgspec.json.decode(self._signed.payload or b"", type=dict[str, Any])
        except _BROKEN:
            raise refused() from None
        self.kid = header.get("kid")
        self.algorithm = algorithm_named(header.get("alg"))
        self._typ = _typ_of(header)
        if self.algorithm is not None:  # `EdDSA` is `Ed25519` by its older name, and joserfc warns of that
            self._signed.protected = {**header, "alg": self.algorithm.name}

    def has_typ(self, *allowed: str | None) -> bool:
        """Whether its `typ` is one of these, compared without case, `application/` may precede it; None is none."""
        return self._typ in allowed

    def has_signature(self) -> bool:
        """Whether there is something that could be a signature; without, no key is needed to refuse it."""
        try:
            return bool(urlsafe_b64decode(self._signed.segments["signature"]))
        except _BROKEN:
            return False

    def is_signed_by(self, key: VerifyingKey) -> bool:
        """Whether the key, with its own algorithm and no other, verifies the signature."""
        try:
            return self.algorithm == key.algorithm and jws.validate_compact(self._signed, key.jwk, registry=_REGISTRY)
        except _BROKEN:
            return False


def _typ_of(header: Mapping[str, Any]) -> str | None:
    """None where there is none; what is there and no string is no type at all."""
    if "typ" not in header:
        return None
    typ = header["typ"]
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


class TokenFormat:
    """Signs and opens compact tokens of one `typ` (RFC 7515; RFC 8725 sections 3.1 and 3.11).

    Args:
        typ: the header's `typ`; required when opening.
    """

    def __init__(self, typ: str) -> None:
        self._typ = typ

    def sign(self, claims: Mapping[str, Any], key: SigningKey) -> str:
        header = {"alg": key.algorithm.name, "typ": self._typ} | ({} if key.kid is None else {"kid": key.kid})
        return jws.serialize_compact(header, msgspec.json.encode(claims), key.jwk, registry=_REGISTRY)

    def open(
        self, token: object, candidates: Callable[[object], Sequence[VerifyingKey]]
    ) -> tuple[dict[str, Any], VerifyingKey]:
        """The claims, and which candidate key for the header's `kid` verified them. Raises `TOKEN_INVALID`."""
        shown = UnverifiedToken(token)
        if shown.has_typ(self._typ):
            for key in candidates(shown.kid):
                if shown.is_signed_by(key):
                    return shown.claims, key
        raise refused()
