"""bcrypt in a bounded pool of threads: the event loop never hashes."""

from __future__ import annotations

import os
import re
import secrets
from typing import Final

import bcrypt

from sentri.passwords.queue import HashQueue

__all__ = ["PasswordHasher"]

_FORM: Final = re.compile(r"\$2[abxy]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DIGEST_CHARACTERS: Final = 31
_GUESS: Final = 0.25 / 2**12
"""Seconds that a hash takes for each round of bcrypt, roughly."""


class PasswordHasher:
    """Hashes and verifies passwords with bcrypt.

    bcrypt releases the GIL, so as many threads as there are processors is best: more only make each other and the
    event loop wait.

    Args:
        rounds: the cost, 10 to 31; each step doubles the time.
        threads: of the pool; by default one for each processor that this process may use.
        most_wait: seconds that a hash may be expected to wait for a thread. What would wait longer raises
            `SERVICE_UNAVAILABLE` with `Retry-After`, at once.
    """

    def __init__(self, rounds: int, threads: int | None = None, *, most_wait: float = 10.0) -> None:
        self._rounds = rounds
        self._queue = HashQueue(threads or _processors(), most_wait=most_wait, guess=_GUESS * 2**rounds)
        # Nobody's hash, of the configured cost: an unknown user costs what a wrong password costs.
        digest = "".join(secrets.choice(_ALPHABET) for _ in range(_DIGEST_CHARACTERS))
        self._nobody = bcrypt.gensalt(rounds).decode() + digest

    async def hash(self, password: str) -> str:
        """A new bcrypt hash of the password, which must have at most 72 bytes in UTF-8."""
        return await self._queue.run(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)).decode())

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the one that was hashed; never for None, an unknown user, or a malformed hash,
        which cost the same work.
        """
        known = hashed is not None and _FORM.fullmatch(hashed) is not None
        against = hashed if known and hashed is not None else self._nobody
        return await self._queue.run(lambda: _matches(password, against)) and known

    def needs_renewal(self, hashed: str) -> bool:
        """Whether the hash was made with a lower cost than the configured one."""
        form = _FORM.fullmatch(hashed)
        return form is not None and int(form[1]) < self._rounds

    def close(self) -> None:
        """End the threads once the hashes that they are at are done. The next use starts new ones."""
        self._queue.close()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _matches(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hashed.encode())
    except ValueError:  # a stored hash with an impossible cost
        return False
