"""The kit's hostile tokens, as tests of single functions use them: by what they are refused with.

mint = mint_of(a_good_token, secret, algorithm, now)
HOSTILE["alg none"](mint)            # for every algorithm
HOSTILE_ASYMMETRIC["kid unknown"](mint)
EXPIRED["exp now"](mint)             # valid in everything but `exp`
HARMLESS["typ in capitals"](mint)    # the other side: these are good
"""

from __future__ import annotations

from functools import cache

from sentri.keys.algorithms import algorithm_named
from sentri.keys.signing import SigningKey
from sentri_testing.hostile import HOSTILE_TOKENS
from sentri_testing.hostile.spelling import OTHER_ID, with_header
from sentri_testing.hostile.token import Builder
from sentri_testing.keys import KeyPool, TestKey
from sentri_testing.minting import ABSENT as GONE
from sentri_testing.minting import Mint, decoded, encoded

__all__ = [
    "EXPIRED", "GONE", "HARMLESS", "HOSTILE", "HOSTILE_ASYMMETRIC", "OTHER_ID",
    "Mint", "decoded", "encoded", "key_of", "mint_of", "private_pem",
]  # fmt: skip

_REFUSED = [token for token in HOSTILE_TOKENS.values() if token.code == "TOKEN_INVALID" and not token.elliptic]
HOSTILE: dict[str, Builder] = {token.name: token.build for token in _REFUSED if not token.asymmetric}
HOSTILE_ASYMMETRIC: dict[str, Builder] = {token.name: token.build for token in _REFUSED if token.asymmetric}
EXPIRED: dict[str, Builder] = {t.name: t.build for t in HOSTILE_TOKENS.values() if t.code == "TOKEN_EXPIRED"}


def private_pem(name: str, number: int = 0) -> str:
    """A key for the algorithm, the same for the whole test run; another `number` is another key."""
    return KeyPool().key(name, number).pem


@cache
def key_of(name: str, secret: str | bytes) -> TestKey:
    """What signs with the server's own `secret` and algorithm; bytes are the MAC key of refresh tokens."""
    if isinstance(secret, bytes):
        return TestKey(SigningKey.of_bytes(secret))
    return TestKey(SigningKey.of_secret(secret, algorithm_named(name)))


def mint_of(good: str, secret: str | bytes, algorithm: str, now: float) -> Mint:
    """A mint with the server's own secret."""
    return Mint.of(good, key_of(algorithm, secret), now)


HARMLESS: dict[str, Builder] = {
    "the good token itself": lambda m: m.good,
    "signed anew": lambda m: m.token(),
    "typ in capitals": lambda m: with_header(m, typ="AT+JWT"),
    "typ as a media type": lambda m: with_header(m, typ="application/at+jwt"),
    "a claim that nobody knows": lambda m: m.token(extra={"a": [1, None]}),
    "exp a second ahead": lambda m: m.token(exp=m.now + 1),
    "exp with a fraction": lambda m: m.token(exp=m.now + 0.5),
    "iat 60 seconds ahead": lambda m: m.token(iat=m.now + 60),
    "nbf now": lambda m: m.token(nbf=m.now),
    "without roles in the list": lambda m: m.token(roles=[]),
}
