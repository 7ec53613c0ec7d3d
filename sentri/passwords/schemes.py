"""How a password becomes a hash: bcrypt and Argon2id, each with hashes that it reads and a cost that it bears."""

from __future__ import annotations

import base64
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

import bcrypt

from sentri.errors import ConfigurationError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["ARGON2_PROFILES", "Argon2Cost", "Argon2id", "Bcrypt", "Scheme"]

_BCRYPT: Final = re.compile(r"\$2[abxy]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
# $2x$ is of a faulty implementation. Of the salt's last character two bits count, and bcrypt wants the others to be 0.
_BCRYPT_SOUND: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_BCRYPT_LEAST: Final = 4
_BCRYPT_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BCRYPT_DIGEST: Final = 31  # characters
_BCRYPT_BYTES: Final = 72
_BCRYPT_GUESS: Final = 0.25 / 2**12  # seconds a round
_BCRYPT_MOST: Final = 16
"""The highest cost of a stored hash: four seconds of a processor. A higher one would be a way to stop the server."""

_ARGON2: Final = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}",
    re.ASCII,
)
_ARGON2_GUESS: Final = 0.04 / (19_456 * 2)  # seconds a pass over a KiB
_ARGON2_MOST: Final = 262_144 * 4
"""The highest cost of a stored hash: KiB of memory times passes, and no more KiB than a quarter of that."""


class Scheme(Protocol):
    """One way of hashing.

    Attributes:
        nobody: a hash of nothing, of the configured cost.
        guess: seconds that one takes, roughly.
    """

    nobody: str
    guess: float

    def hash(self, password: str) -> str:
        """A new hash."""

    def reads(self, hashed: str) -> bool:
        """Whether it is a hash of this scheme, of a cost that is borne."""

    def verify(self, password: str, hashed: str) -> bool:
        """Whether the password is the one that was hashed. Takes the same time either way; for what only looks like a
        hash that of the configured cost.
        """

    def is_cheaper(self, hashed: str) -> bool:
        """Whether the hash, which it reads, was made with a lower cost than the configured one."""

    def is_sound(self, hashed: str) -> bool:
        """Whether what it reads is a hash, and does not only look like one: some password may be right by it."""


class Bcrypt:
    """bcrypt, of which `$2a$`, `$2b$`, `$2x$` and `$2y$` are spellings. Implements `Scheme`.

    Args:
        rounds: the cost, 10 to 31; each step doubles the time.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        digest = "".join(secrets.choice(_BCRYPT_ALPHABET) for _ in range(_BCRYPT_DIGEST))
        self.nobody = bcrypt.gensalt(rounds).decode() + digest
        self.guess = _BCRYPT_GUESS * 2**rounds

    def hash(self, password: str) -> str:
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)).decode()

    def reads(self, hashed: str) -> bool:
        form = _BCRYPT.fullmatch(hashed)
        return form is not None and int(form[1]) <= max(_BCRYPT_MOST, self._rounds)

    def verify(self, password: str, hashed: str) -> bool:
        # bcrypt reads 72 bytes: of a longer password the first ones, of a shorter one repetitions, a NUL between. So a
        # password that is longer, or has a NUL itself, is compared for the time that it takes, and is wrong.
        given = password.encode()
        try:
            matches = bcrypt.checkpw(given[:_BCRYPT_BYTES], hashed.encode())
        except ValueError:  # it only looks like a hash: its cost or its salt is none
            bcrypt.checkpw(given[:_BCRYPT_BYTES], self.nobody.encode())
            return False
        return matches and len(given) <= _BCRYPT_BYTES and b"\0" not in given

    def is_cheaper(self, hashed: str) -> bool:
        form = _BCRYPT.fullmatch(hashed)
        return form is not None and int(form[1]) < self._rounds

    def is_sound(self, hashed: str) -> bool:
        form = _BCRYPT_SOUND.fullmatch(hashed)
        return form is not None and int(form[1]) >= _BCRYPT_LEAST


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash takes.

    Attributes:
        memory: KiB.
        passes: over that memory.
        lanes: which may be filled at the same time.
    """

    memory: int
    passes: int
    lanes: int


ARGON2_PROFILES: Final = MappingProxyType(
    {
        "owasp": Argon2Cost(19_456, 2, 1),  # OWASP Password Storage Cheat Sheet, the first of its minimum settings
        "rfc9106": Argon2Cost(65_536, 3, 4),  # RFC 9106, section 4, the second recommended option
    }
)


class Argon2id:
    """Argon2id (RFC 9106). Implements `Scheme`.

    Raises `CONFIGURATION_ERROR` where argon2-cffi is not installed.

    Args:
        cost: of new hashes.
    """

    def __init__(self, cost: Argon2Cost) -> None:
        self._cost = cost
        self._hasher = _argon2_hasher(cost)
        self.guess = _ARGON2_GUESS * cost.memory * cost.passes
        salt, digest = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        form = f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${salt}${digest}"
        self.nobody = form.replace("-", "+").replace("_", "/")

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def reads(self, hashed: str) -> bool:
        found = _argon2_cost(hashed)
        if found is None:
            return False
        most = max(_ARGON2_MOST, self._cost.memory * self._cost.passes)
        bearable = found.memory * found.passes <= most and found.memory <= max(_ARGON2_MOST // 4, self._cost.memory)
        return bearable and found.passes > 0 and found.memory >= 8 * found.lanes > 0  # RFC 9106, section 3.1

    def verify(self, password: str, hashed: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError  # noqa: PLC0415 - an extra

        try:
            return self._hasher.verify(hashed, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError):  # it only looks like a hash, such as one whose base64 is none
            with suppress(VerifyMismatchError):
                self._hasher.verify(self.nobody, password)
            return False

    def is_cheaper(self, hashed: str) -> bool:
        found = _argon2_cost(hashed)
        return found is not None and (found.memory < self._cost.memory or found.passes < self._cost.passes)

    def is_sound(self, hashed: str) -> bool:
        return all(_is_base64(part) for part in hashed.rsplit("$", 2)[1:])


def _argon2_hasher(cost: Argon2Cost) -> PasswordHasher:
    try:
        from argon2 import PasswordHasher  # noqa: PLC0415 - an extra
    except ImportError:
        message = "password_hash is 'argon2id', which needs argon2-cffi: pip install 'sentri-auth[argon2]'"
        raise ConfigurationError(message) from None
    return PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=cost.lanes)


def _is_base64(text: str) -> bool:
    """Whether it is unpadded base64 in its canonical form, which Argon2 asks for."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return False
    return base64.b64encode(plain).decode().rstrip("=") == text


def _argon2_cost(hashed: str) -> Argon2Cost | None:
    form = _ARGON2.fullmatch(hashed)
    return None if form is None else Argon2Cost(int(form[1]), int(form[2]), int(form[3]))
