"""Signed compact tokens: nothing is believed that the signature of one expected algorithm does not cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from sentri.errors import SentriError

__all__ = ["LONGEST_TOKEN", "TokenFormat", "expired", "refused"]

LONGEST_TOKEN: Final = 8192
"""Bytes. A token travels in a header or a cookie, and servers take no longer ones there."""

_BROKEN: Final = (JoseError, ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError)


def refused() -> SentriError:
    """`TOKEN_INVALID`: one answer for everything that is wrong with a token, so that nothing is learned from it."""
    return SentriError("TOKEN_INVALID", "The token is not valid.")


def expired() -> SentriError:
    """`TOKEN_EXPIRED`: valid in everything but `exp`."""
    return SentriError("TOKEN_EXPIRED", "The token has expired.")


class TokenFormat:
    """Signs and opens compact tokens of one `typ` and one algorithm (RFC 7515; RFC 8725 sections 3.1 and 3.11).

    Args:
        typ: the header's `typ`; required when opening, compared without case, `application/` may precede it.
        algorithm: the only `alg` that is signed with and accepted, whatever a token's header says.
    """

    def __init__(self, typ: str, algorithm: str) -> None:
        self._typ = typ
        self._algorithm = algorithm
        self._registry = jws.JWSRegistry(algorithms=[algorithm])

    def sign(self, claims: Mapping[str, Any], key: Key, kid: str | None) -> str:
        header = {"alg": self._algorithm, "typ": self._typ} | ({} if kid is None else {"kid": kid})
        return jws.serialize_compact(header, msgspec.json.encode(claims), key, registry=self._registry)

    def open(self, token: object, candidates: Callable[[object], Sequence[Key]]) -> dict[str, Any]:
        """The claims, once a candidate key for the header's `kid` verified them. Raises `TOKEN_INVALID`."""
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise refused()
        try:
            signed = jws.extract_compact(token.encode("ascii"))
            header = self._expected(signed.protected)
            if any(jws.validate_compact(signed, key, registry=self._registry) for key in candidates(header.get("kid"))):
                return msgspec.json.decode(signed.payload or b"", type=dict[str, Any])
        except _BROKEN:
            pass
        raise refused()

    def _expected(self, header: object) -> Mapping[str, Any]:
        """The header, if it asks for nothing but what this format is: no `crit` extension, no unencoded payload."""
        if not isinstance(header, dict) or header.get("alg") != self._algorithm:
            raise ValueError("alg")
        typ = header.get("typ")
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") != self._typ:
            raise ValueError("typ")
        if "crit" in header or "b64" in header:
            raise ValueError("crit")
        return header
