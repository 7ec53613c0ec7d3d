"""Access tokens (RFC 9068): short-lived, verified by everybody who has the key."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from sentri.clock import Clock
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.keys.keyring import Keys
from sentri.keys.verifying import VerifyingKey
from sentri.randomness import new_jti
from sentri.tokens import claims as reading
from sentri.tokens.compact import TokenFormat, expired, refused
from sentri.tokens.remembering import RememberedTokens

__all__ = ["AccessClaims", "AccessTokens", "Verified", "size_of"]

_OBJECTS: Final = 1024  # bytes
_ROLE: Final = 64  # bytes, and what its letters take


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says: whose it is, and until when (seconds since the Unix epoch)."""

    user: AuthUser
    expires_at: float


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a token when it was verified.

    Attributes:
        claims: what it says.
        begins: from when on it is good.
        key: what verified it.
    """

    claims: AccessClaims
    begins: float
    key: VerifyingKey


def size_of(token: str, found: Verified) -> int:
    """Bytes of memory, rather too many: benchmarks/remembered_tokens.py measures it."""
    return _OBJECTS + 2 * len(token) + _ROLE * len(found.claims.user.roles)


class AccessTokens:
    """Signs and verifies the access tokens of one auth server.

    Args:
        keys: where the key ring comes from.
        lifetime: seconds from signing to `exp`.
        issuer: written as `iss` and required when verifying; None for neither.
        audience: written as `aud`, one of them required when verifying; empty for neither.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        lifetime: float,
        issuer: str | None,
        audience: tuple[str, ...],
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._format = TokenFormat("at+jwt")
        self._lifetime = lifetime
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._remembered: RememberedTokens[Verified] = RememberedTokens(size_of)

    def sign(self, user: AuthUser, *, until: float = math.inf) -> tuple[str, int]:
        """The user's token and its `exp`, which never lies behind `until`, the end of the session, nor behind that of
        the key.
        """
        if user.session_id is None:
            raise SentriError(
                "VALIDATION_ERROR", "session_id: an access token belongs to a session; this user has none."
            )
        now, ring = self._clock(), self._keys.ring()
        exp = math.floor(min(now + self._lifetime, until, ring.signing_until))
        said: dict[str, Any] = {
            "sub": user.id,
            "sid": user.session_id,
            "identifier": user.identifier,
            "roles": user.roles,
            "iat": math.floor(now),
            "exp": exp,
            "jti": new_jti(),
        }
        if self._issuer is not None:
            said["iss"] = self._issuer
        if self._audience:
            said["aud"] = self._audience[0] if len(self._audience) == 1 else self._audience
        return self._format.sign(said, ring.signing), exp

    def verify(self, token: object, *, expired_too: bool = False) -> AccessClaims:
        """What the token says. Raises `TOKEN_INVALID`; `TOKEN_EXPIRED` where all but `exp` is right.

        `exp` has no leeway: a token is dead in the second that it names. `expired_too` leaves `exp` unjudged.
        """
        found = self._remembered.get(token)
        if found is None or not self._stands(found):
            found = self._verified(token)
            self._remembered.add(token, found)
        if self._clock() >= found.claims.expires_at and not expired_too:
            raise expired()
        return found.claims

    def _stands(self, found: Verified) -> bool:
        """Whether all of it would be found again: its key is one of the ring, and the clock did not go back."""
        return self._clock() >= found.begins and found.key in self._keys.ring().candidates(found.key.kid)

    def _verified(self, token: object) -> Verified:
        """What the token says, expired or not. Raises `TOKEN_INVALID`."""
        said, key = self._format.open(token, self._keys.ring().candidates)
        user = AuthUser(
            id=reading.canonical_id(said, "sub"),
            identifier=reading.text(said, "identifier"),
            roles=reading.texts(said, "roles"),
            session_id=reading.canonical_id(said, "sid"),
            issuer=reading.text(said, "iss") if "iss" in said else None,
        )
        expires_at = reading.moment(said, "exp")
        begins = reading.check_issued(said, self._clock())
        reading.check_audience(said, self._audience)
        if self._issuer is not None and user.issuer != self._issuer:
            raise refused()
        return Verified(AccessClaims(user, expires_at), begins, key)
