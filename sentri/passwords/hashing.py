"""Hashing in a bounded pool of threads: the event loop never does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sentri.errors import ConfigurationError
from sentri.passwords.queue import HashQueue, Overloaded
from sentri.passwords.schemes import ARGON2_PROFILES, Argon2Cost, Argon2id, Bcrypt, Scheme
from sentri.telemetry import OFF, Telemetry

__all__ = ["PasswordHasher", "schemes_of"]

T = TypeVar("T")


class PasswordHasher:
    """Hashes and verifies passwords.

    bcrypt and Argon2 release the GIL, so as many threads as there are processors is best: more only make each other
    and the event loop wait. So at most that many hashes take memory at the same time.

    Args:
        schemes: the first makes hashes; all verify.
        threads: of the pool; by default one for each processor that this process may use.
        most_wait: seconds that a hash may be expected to wait for a thread. What would wait longer raises
            `SERVICE_UNAVAILABLE` with `Retry-After`, at once.
        on_overload: is told of that first.
        telemetry: measures it.
    """

    def __init__(
        self,
        *schemes: Scheme,
        threads: int | None = None,
        most_wait: float = 10.0,
        on_overload: Callable[[], Awaitable[None]] | None = None,
        telemetry: Telemetry = OFF,
    ) -> None:
        self._schemes = schemes
        self._current = schemes[0]
        self._threads = threads or _processors()
        self._queue = HashQueue(self._threads, most_wait=most_wait, guess=self._current.guess, telemetry=telemetry)
        self._on_overload = on_overload

    async def hash(self, password: str) -> str:
        """A new hash of a password that the policy lets through."""
        return await self._run("hash", lambda: self._current.hash(password))

    async def hash_many(self, passwords: Sequence[str]) -> list[str]:
        """A new hash of each, on every processor. It never has more under way than there are threads, and waits where
        the line is long: a login meanwhile waits for one hash more, not for all of them.
        """
        hashes = [""] * len(passwords)
        turns = iter(enumerate(passwords))

        async def take_turns() -> None:
            for position, password in turns:
                hashes[position] = await self._queue.run(partial(self._current.hash, password), patient=True)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._threads, len(passwords))):
                    group.create_task(take_turns())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return hashes

    def can_check(self, hashed: str) -> bool:
        """Whether a hash that was made elsewhere can be stored here: a password may turn out to be right by it, at a
        cost that is borne.
        """
        scheme = self._scheme(hashed)
        return scheme is not None and scheme.is_sound(hashed)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the one that was hashed; never for None, an unknown user, or a malformed hash, which
        cost the same work as a hash of today's.
        """
        scheme = None if hashed is None else self._scheme(hashed)
        if scheme is None or hashed is None:
            await self._run("verify", lambda: self._current.verify(password, self._current.nobody))
            return False
        return await self._run("verify", lambda: scheme.verify(password, hashed))

    def needs_renewal(self, hashed: str) -> bool:
        """Whether the hash was made with another scheme than today's, or with a lower cost."""
        scheme = self._scheme(hashed)
        return scheme is not None and (scheme is not self._current or scheme.is_cheaper(hashed))

    def has_in_line(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task waits for a hash at this moment."""
        return self._queue.has_in_line(task)

    def close(self) -> None:
        """End the threads once the hashes that they are at are done. The next use starts new ones."""
        self._queue.close()

    async def _run(self, operation: str, work: Callable[[], T]) -> T:
        try:
            return await self._queue.run(work, operation)
        except Overloaded:
            if self._on_overload is not None:
                await self._on_overload()
            raise

    def _scheme(self, hashed: str) -> Scheme | None:
        return next((scheme for scheme in self._schemes if scheme.reads(hashed)), None)


def schemes_of(name: str, *, rounds: int, argon2: Argon2Cost) -> Sequence[Scheme]:
    """The scheme that makes hashes, then those that only verify.

    Raises `CONFIGURATION_ERROR` for a scheme that is not installed.
    """
    if name == "argon2id":
        return Argon2id(argon2), Bcrypt(rounds)
    try:
        return Bcrypt(rounds), Argon2id(ARGON2_PROFILES["owasp"])
    except ConfigurationError:  # nobody asked for it
        return (Bcrypt(rounds),)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
