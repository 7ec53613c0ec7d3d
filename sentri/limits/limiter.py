"""Counting attempts where all processes see them, or else where this one does."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sentri.limits.memory import MemoryAttempts
from sentri.limits.record import Attempts, AttemptsUnavailable, Limit, Refused

__all__ = ["Attempt", "Limiter"]

_PAUSE: Final = 0.5
"""Seconds in which a shared store that failed is not asked again."""


class Outage:
    """Whether the shared store can be asked. Who finds out tells everybody, and the log once.

    Args:
        monotonic: seconds that only ever grow.
    """

    def __init__(self, *, logger: logging.Logger, monotonic: Callable[[], float]) -> None:
        self._logger = logger
        self._monotonic = monotonic
        self._until: float | None = None
        self._somebody_looks = False

    @property
    def lasts(self) -> bool:
        """Whether it was away when it was asked last."""
        return self._until is not None

    @contextmanager
    def asking(self) -> Iterator[bool]:
        """Whether to ask now. Of an outage that lasts one at a time finds out whether it is over: nobody else waits."""
        if self._until is None:
            yield True
        elif self._somebody_looks or self._monotonic() < self._until:
            yield False
        else:
            self._somebody_looks = True
            try:
                yield True
            finally:
                self._somebody_looks = False

    def begins(self, why: AttemptsUnavailable) -> None:
        if self._until is None:
            self._logger.warning("Rate limits count per process until Redis answers again: %s", why)
        self._until = self._monotonic() + _PAUSE

    def ends(self) -> None:
        if self._until is not None:
            self._logger.warning("Rate limits count for all processes together again.")
        self._until = None


class Attempt:
    """One that was counted. It stays so unless it is given back.

    Args:
        outage: of the store, if it is one that can be away.
    """

    def __init__(
        self,
        attempt: bytes,
        limits: Sequence[Limit],
        store: Attempts,
        *,
        logger: logging.Logger,
        outage: Outage | None = None,
    ) -> None:
        self._attempt = attempt
        self._limits = limits
        self._store = store
        self._logger = logger
        self._outage = outage

    async def give_back(self, *, reset: Collection[Limit] = ()) -> None:
        """As if it had not been made; and as if there had been none in the limits that are `reset`."""
        try:
            self._check_store()
            if reset:
                await self._store.reset(reset)
            if kept := [limit for limit in self._limits if limit not in reset]:
                await self._store.give_back(self._attempt, kept)
        except AttemptsUnavailable as why:
            if self._outage is not None:
                self._outage.begins(why)
            self._logger.warning("An attempt was not given back, and counts until its time has passed: %s", why)

    def _check_store(self) -> None:
        """Raise at once while the store is away: it was there when this attempt was counted."""
        if self._outage is not None and self._outage.lasts:
            raise AttemptsUnavailable("Redis does not answer")


class Limiter:
    """Counts attempts in the shared store; while that cannot be asked, in this process alone, which the log tells.

    Args:
        own: the store of this process.
        shared: that of all processes, if there is one.
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self,
        own: MemoryAttempts,
        shared: Attempts | None,
        *,
        logger: logging.Logger,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._shared = shared
        self._logger = logger
        self._outage = Outage(logger=logger, monotonic=monotonic)

    async def attempt(self, limits: Sequence[Limit]) -> Attempt | Refused:
        """Count one in every limit, or in none where one is full."""
        name = secrets.token_bytes(12)
        if self._shared is not None:
            with self._outage.asking() as asks:
                if asks and (counted := await self._together(self._shared, name, limits)) is not None:
                    return counted
        return await self._own.count(name, limits) or Attempt(name, limits, self._own, logger=self._logger)

    async def close(self) -> None:
        """Let go of connections. The next attempt opens new ones."""
        if self._shared is not None:
            await self._shared.close()

    async def _together(self, shared: Attempts, name: bytes, limits: Sequence[Limit]) -> Attempt | Refused | None:
        try:
            refused = await shared.count(name, limits)
        except AttemptsUnavailable as why:
            self._outage.begins(why)
            return None
        self._outage.ends()
        return refused or Attempt(name, limits, shared, logger=self._logger, outage=self._outage)
