"""Keys, users, sessions and tokens that all contenders share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import RSAKey

__all__ = ["AUDIENCE", "ISSUER", "LIFETIME", "PASSWORD", "SECRET", "Owner", "SigningKey", "owner", "owners", "tampered"]

ISSUER: Final = "https://auth.example.com/auth"
AUDIENCE: Final = "shop"
SECRET: Final = "a secret for benchmarks, longer than the thirty-two bytes of HS256"
PASSWORD: Final = "correct horse battery staple"
LIFETIME: Final = 24 * 3600
"""Seconds that tokens and sessions live: longer than any run."""
_NAMESPACE: Final = uuid.UUID(int=7)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user with one session."""

    id: str
    session_id: str
    identifier: str


def owners(count: int) -> Iterator[Owner]:
    """The first so many users: always the same ones."""
    return map(owner, range(count))


def owner(number: int) -> Owner:
    """The user with this number, from 0."""
    return Owner(
        id=str(uuid.uuid5(_NAMESPACE, f"user {number}")),
        session_id=str(uuid.uuid5(_NAMESPACE, f"session {number}")),
        identifier=f"user-{number}@example.com",
    )


class SigningKey:
    """An RSA-2048 key of this run, with the key id that sentri gives it: its thumbprint (RFC 7638)."""

    def __init__(self) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        key = RSAKey.import_key(self.pem)
        self.kid = key.thumbprint()
        self.published = {"keys": [{**key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def tokens(self, of: Iterable[Owner], roles: Sequence[str] = ("user",)) -> list[str]:
        """An access token of each, all different. A signature takes a quarter of a millisecond, so all cores sign."""
        sign = partial(_sign, self.pem, self.kid, int(time.time()), tuple(roles))
        with get_context("spawn").Pool() as pool:
            return pool.map(sign, of, chunksize=100)


def _sign(pem: str, kid: str, now: int, roles: Sequence[str], owner: Owner) -> str:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": owner.id,
        "sid": owner.session_id,
        "identifier": owner.identifier,
        "roles": list(roles),
        "iat": now,
        "exp": now + LIFETIME,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, _loaded(pem), algorithm="RS256", headers={"kid": kid, "typ": "at+jwt"})


@cache
def _loaded(pem: str) -> Any:
    return jwt.get_algorithm_by_name("RS256").prepare_key(pem)


def tampered(token: str) -> str:
    """The token with one character of its signature changed."""
    at = len(token) - 12
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
