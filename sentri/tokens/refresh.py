"""Refresh tokens: for the server's own eyes, so a MAC key of their own signs them."""

from __future__ import annotations

import math
from typing import Any

from sentri.clock import Clock
from sentri.identity import RefreshClaims
from sentri.keys.keyring import Keys
from sentri.tokens import claims as reading
from sentri.tokens.compact import TokenFormat, expired

__all__ = ["RefreshTokens"]


class RefreshTokens:
    """Signs and verifies the refresh tokens of one auth server. The same arguments always give the same token."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._format = TokenFormat("rt+jwt")
        self._clock = clock

    def sign(
        self, *, session_id: str, user_id: str | None, jti: str, issued_at: float, expires_at: float
    ) -> tuple[str, int]:
        """The token and its `exp`. Without `user_id` it stands outside every chain, and `/refresh` refuses it."""
        exp = math.floor(expires_at)
        said: dict[str, Any] = {"sid": session_id, "jti": jti, "iat": math.floor(issued_at), "exp": exp}
        if user_id is not None:
            said["sub"] = user_id
        return self._format.sign(said, self._keys.ring().refresh_keys[0]), exp

    def verify(self, token: object, *, expired_too: bool = False) -> RefreshClaims:
        """What the token says. Raises `TOKEN_INVALID`; `TOKEN_EXPIRED` where all but `exp` is right."""
        said, _ = self._format.open(token, lambda _: [key.verifying for key in self._keys.ring().refresh_keys])
        now = self._clock()
        found = RefreshClaims(
            session_id=reading.canonical_id(said, "sid"),
            user_id=reading.canonical_id(said, "sub") if "sub" in said else None,
            jti=reading.text(said, "jti"),
            issued_at=math.floor(reading.moment(said, "iat")),
            expires_at=math.floor(reading.moment(said, "exp")),
        )
        reading.check_issued(said, now)
        if now >= found.expires_at and not expired_too:
            raise expired()
        return found
