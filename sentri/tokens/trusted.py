"""Access tokens of servers that somebody else runs: each verified by the keys of the issuer that it names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sentri.clock import Clock, rough
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.keys.algorithms import Algorithm
from sentri.keys.published import LONGEST_KID
from sentri.keys.verifying import VerifyingKey
from sentri.tokens import claims as reading
from sentri.tokens.access import AccessClaims, Verified, size_of
from sentri.tokens.compact import UnverifiedToken, expired, refused
from sentri.tokens.remembering import RememberedTokens

__all__ = ["Issuer", "TrustedTokens"]

_OURS: Final = ("at+jwt",)
_LENIENT: Final = ("at+jwt", "jwt", None)


class IssuerKeys(Protocol):
    """What `RemoteKeys` are asked."""

    async def find(self, kid: str, *, ask: bool = True) -> VerifyingKey | None:
        """The key with a `kid`; None where the issuer has none. Raises `KEYS_UNAVAILABLE` where that can't be told.
        With `ask=False` an unknown one is no reason to ask the issuer.
        """

    def known(self, kid: str) -> VerifyingKey | None:
        """What `find` would answer without asking anybody; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """How the tokens of one issuer are read, and where its keys come from.

    Attributes:
        name: the `iss` that its tokens have to name; None takes any that no other issuer has.
        audience: one of them has to be in `aud`.
        keys: those that it publishes.
        roles: those that count; None for all.
        lenient: whether `typ` may be `JWT` or absent, `sid` and roles may be missing, and ids need not be UUIDs.
        roles_claim, identifier_claim: the names on the way to the claim.
    """

    name: str | None
    audience: tuple[str, ...]
    keys: IssuerKeys
    roles: frozenset[str] | None = None
    lenient: bool = False
    roles_claim: tuple[str, ...] = ("roles",)
    identifier_claim: tuple[str, ...] = ("identifier",)

    def has_typ(self, token: UnverifiedToken) -> bool:
        """Whether it calls itself an access token, as far as that is asked of this issuer."""
        return token.has_typ(*(_LENIENT if self.lenient else _OURS))

    def user(self, said: Mapping[str, Any]) -> AuthUser:
        """Whom the claims name. Raises `TOKEN_INVALID` where one is missing or ill-typed."""
        text = reading.text if self.lenient else reading.canonical_id
        return AuthUser(
            id=text(said, "sub"),
            identifier=self._identifier(said),
            roles=self._roles(said),
            session_id=None if self.lenient and "sid" not in said else text(said, "sid"),
            issuer=reading.text(said, "iss") if "iss" in said else None,
        )

    def _identifier(self, said: Mapping[str, Any]) -> str:
        place, name = _place_of(said, self.identifier_claim)
        return reading.text(said, "sub") if self.lenient and name not in place else reading.text(place, name)

    def _roles(self, said: Mapping[str, Any]) -> tuple[str, ...]:
        place, name = _place_of(said, self.roles_claim)
        roles = () if self.lenient and name not in place else reading.texts(place, name)
        return roles if self.roles is None else tuple(role for role in roles if role in self.roles)


@dataclass(frozen=True, slots=True)
class _Found(Verified):
    """What was found in a token of some issuer.

    Attributes:
        keys: where the key came from.
        kid: its name in the token. That of the key, not the token's own text, which would be cold memory each time.
    """

    keys: IssuerKeys
    kid: str


class TrustedTokens:
    """Verifies the access tokens of several issuers; a key never verifies a token that names another issuer.

    Args:
        own: the issuer of every token that names none of the others.
        others: issuers with a name.
        algorithms: the only ones that count, whatever a token or a key set says.
        leeway: seconds that a token is accepted beyond its `exp`: the issuer's clock is another one.
    """

    def __init__(
        self, own: Issuer, others: Sequence[Issuer], *, algorithms: Collection[Algorithm], leeway: float, clock: Clock
    ) -> None:
        self._own = own
        self._others = {issuer.name: issuer for issuer in others}
        self._algorithms = frozenset(algorithms)
        self._leeway = leeway
        self._clock = clock
        self._now = rough(clock)
        self._remembered: RememberedTokens[_Found] = RememberedTokens(size_of)

    def recall(self, token: object) -> AccessClaims | None:
        """What the token says, where that can be told at once: it was verified before, it has not expired, and its
        issuer publishes the key still, as far as is known without asking. None says nothing: `verify` it.
        """
        found = self._remembered.get(token)
        if found is None or found.keys.known(found.kid) is not found.key:
            return None
        return found.claims if found.begins <= self._now() < found.claims.expires_at else None

    async def verify(self, token: object, *, expired_too: bool = False) -> AccessClaims:
        """What the token says. Raises `TOKEN_INVALID`; `TOKEN_EXPIRED` where all but `exp` is right;
        `KEYS_UNAVAILABLE` where the key that it names cannot be had. `expired_too` leaves `exp` unjudged.

        What can be told without a key is told without one.
        """
        known = self.recall(token)
        if known is not None:
            return known
        shown = UnverifiedToken(token)
        issuer = self._issuer_of(shown.claims.get("iss"))
        if shown.algorithm not in self._algorithms or not issuer.has_typ(shown):
            raise refused()
        claims, begins = self._read(shown.claims, issuer)
        dead = self._clock() >= claims.expires_at
        key = await self._key(issuer, shown, dead=dead)
        if key is None or not self._is_signed(token, shown, key):
            raise refused()
        if dead and not expired_too:
            raise expired()
        self._remembered.add(token, _Found(claims, begins, key, issuer.keys, key.kid or str(shown.kid)))
        return claims

    def _is_signed(self, token: object, shown: UnverifiedToken, key: VerifyingKey) -> bool:
        """Whether the key verifies the signature, now or when this very token was here before."""
        found = self._remembered.get(token)
        return (found is not None and found.key is key) or shown.is_signed_by(key)

    async def _key(self, issuer: Issuer, token: UnverifiedToken, *, dead: bool) -> VerifyingKey | None:
        """The key that the token names. For one that has expired nobody is asked who would not have been anyway, and
        it is no good whatever they say.
        """
        kid = token.kid
        if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
            return None
        try:
            return await issuer.keys.find(kid, ask=not dead)
        except SentriError:
            if dead or not token.has_signature():
                return None
            raise

    def _issuer_of(self, name: object) -> Issuer:
        issuer = self._others.get(name, self._own) if isinstance(name, str) else self._own
        if issuer.name is not None and issuer.name != name:
            raise refused()
        return issuer

    def _read(self, said: Mapping[str, Any], issuer: Issuer) -> tuple[AccessClaims, float]:
        """What the token says, and from when on it is good."""
        user = issuer.user(said)
        expires_at = reading.moment(said, "exp") + self._leeway
        begins = reading.check_issued(said, self._clock())
        reading.check_audience(said, issuer.audience)
        return AccessClaims(user, expires_at), begins


def _place_of(said: Mapping[str, Any], path: Sequence[str]) -> tuple[Mapping[str, Any], str]:
    """The object that holds, or would hold, the claim at the end of the path, and its name there."""
    place = said
    for name in path[:-1]:
        place = place.get(name, {})
        if not isinstance(place, Mapping):
            raise refused()
    return place, path[-1]
