"""Counting attempts where all processes see them, or else where this one does."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sentri.limits.memory import MemoryAttempts
from sentri.limits.record import Attempts, AttemptsUnavailable, Limit, Refused

__all__ = ["Attempt", "Limiter"]

_PAUSE: Final = 5.0
"""Seconds in which a shared store that failed is not asked again."""


class Attempt:
    """One that was counted. It stays so unless it is given back."""

    def __init__(self, attempt: bytes, limits: Sequence[Limit], store: Attempts, logger: logging.Logger) -> None:
        self._attempt = attempt
        self._limits = limits
        self._store = store
        self._logger = logger

    async def give_back(self, *, reset: Collection[Limit] = ()) -> None:
        """As if it had not been made; and as if there had been none in the limits that are `reset`."""
        try:
            if reset:
                await self._store.reset(reset)
            if kept := [limit for limit in self._limits if limit not in reset]:
                await self._store.give_back(self._attempt, kept)
        except AttemptsUnavailable as why:
            self._logger.warning("An attempt was not given back, and counts until its time has passed: %s", why)


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
        self._monotonic = monotonic
        self._away_until: float | None = None

    async def attempt(self, limits: Sequence[Limit]) -> Attempt | Refused:
        """Count one in every limit, or in none where one is full."""
        name = secrets.token_bytes(12)
        if self._shared is not None and not self._pauses():
            try:
                refused = await self._shared.count(name, limits)
            except AttemptsUnavailable as why:
                self._lost(why)
            else:
                self._found()
                return refused or Attempt(name, limits, self._shared, self._logger)
        return await self._own.count(name, limits) or Attempt(name, limits, self._own, self._logger)

    async def close(self) -> None:
        """Let go of connections. The next attempt opens new ones."""
        if self._shared is not None:
            await self._shared.close()

    def _pauses(self) -> bool:
        return self._away_until is not None and self._monotonic() < self._away_until

    def _lost(self, why: AttemptsUnavailable) -> None:
        if self._away_until is None:
            self._logger.warning("Rate limits count per process until Redis answers again: %s", why)
        self._away_until = self._monotonic() + _PAUSE

    def _found(self) -> None:
        if self._away_until is not None:
            self._logger.warning("Rate limits count for all processes together again.")
        self._away_until = None
