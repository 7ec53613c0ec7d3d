"""Deleting sessions that have expired: in small batches, and now and then by itself."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from sentri.accounts.stores import SessionStore
from sentri.clock import Clock
from sentri.finishing import finish

__all__ = ["Purging"]

_BATCH: Final = 500
_GRACE: Final = 86400.0
"""Seconds for which an expired session stays, unless somebody asks: to be looked at."""
_PAUSE: Final = 600.0
"""Seconds between one batch and the next, at most: several processes do not meet."""


class Purging:
    """Deletes sessions that have expired.

    Args:
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self, sessions: SessionStore, clock: Clock, *, monotonic: Callable[[], float], logger: logging.Logger
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._monotonic = monotonic
        self._logger = logger
        self._next = 0.0
        self._running: set[asyncio.Task[None]] = set()

    async def all(self) -> int:
        """Delete every expired session, batch by batch; how many there were."""
        purged, before = 0, self._clock()
        while found := await self._sessions.purge(before=before, most=_BATCH):
            purged += found
        return purged

    def nudge(self) -> None:
        """Delete a batch in the background, if it is time: somebody logs in, so there will be more sessions."""
        now = self._monotonic()
        if now >= self._next and not self._running:
            self._next = now + _PAUSE * random.uniform(0.5, 1)  # noqa: S311 - no secret
            task = asyncio.create_task(self._batch())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Let the batch that runs finish."""
        await finish(self._running, within=1.0)
        self._running.clear()

    async def _batch(self) -> None:
        try:
            found = await self._sessions.purge(before=self._clock() - _GRACE, most=_BATCH)
        except Exception as error:  # noqa: BLE001 - nobody waits for it, and the next login tries again
            self._logger.warning("Expired sessions were not deleted: %s", type(error).__name__)
        else:
            if found == _BATCH:
                self._next = 0.0  # there may be more: with the next login
