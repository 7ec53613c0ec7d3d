"""Deleting what nobody needs any more: in small batches, and now and then by itself."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sentri.accounts.stores import KnownAddressStore, SessionStore
from sentri.clock import Clock
from sentri.finishing import finish

__all__ = ["Purged", "Purging"]

_BATCH: Final = 500
_GRACE: Final = 86400.0
"""Seconds for which an expired session stays, unless somebody asks: to be looked at."""
_PAUSE: Final = 600.0
"""Seconds between one batch and the next, at most: several processes do not meet."""
_ANOTHERS_BATCH: Final = 0.1
"""Seconds in which another process is done with its batch."""


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was deleted.

    Attributes:
        sessions: that had expired.
        addresses: of logins, that were last seen 90 days ago.
    """

    sessions: int
    addresses: int


class Purging:
    """Deletes sessions that have expired, and addresses that nobody has logged in from for long.

    Args:
        monotonic: seconds that only ever grow.
    """

    def __init__(
        self,
        sessions: SessionStore,
        addresses: KnownAddressStore,
        clock: Clock,
        *,
        monotonic: Callable[[], float],
        logger: logging.Logger,
    ) -> None:
        self._sessions = sessions
        self._addresses = addresses
        self._clock = clock
        self._monotonic = monotonic
        self._logger = logger
        self._next = 0.0
        # Where the walk through the addresses goes on. Processes begin anywhere, so that together they get everywhere.
        self._after = f"{random.getrandbits(144):036x}"
        self._running: set[asyncio.Task[None]] = set()

    async def all(self) -> Purged:
        """Delete everything that may go, batch by batch."""
        return Purged(await self.sessions(), await self._all_addresses())

    async def sessions(self) -> int:
        """Delete every expired session, batch by batch; how many there were.

        Those of another purge's batch are passed over. Where that is all that is found, it goes on behind it.
        """
        purged, before = 0, self._clock()
        while found := await self._next_batch(before):
            purged += found
        return purged

    async def _next_batch(self, before: float) -> int:
        found = await self._sessions.purge(before=before, most=_BATCH)
        if not found:
            await asyncio.sleep(_ANOTHERS_BATCH)
            found = await self._sessions.purge(before=before, most=_BATCH)
        return found

    def nudge(self) -> None:
        """Delete a batch in the background, if it is time: somebody logs in, so there will be more of everything."""
        now = self._monotonic()
        if now >= self._next and not self._running:
            self._next = now + _PAUSE * random.uniform(0.5, 1)  # noqa: S311 - no secret
            task = asyncio.create_task(self._batches())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Let the batch that runs finish."""
        await finish(self._running, within=1.0)
        self._running.clear()

    async def _all_addresses(self) -> int:
        purged, after = 0, ""
        while True:
            found, last = await self._addresses.purge(after=after, now=self._clock(), most=_BATCH)
            purged += found
            if last is None:
                return purged
            after = last

    async def _batches(self) -> None:
        """One of each. Where there may be much more, the next login goes on."""
        for what, batch in (
            ("Expired sessions", self._some_sessions),
            ("Old addresses of logins", self._some_addresses),
        ):
            await self._try(what, batch)

    async def _try(self, what: str, batch: Callable[[], Awaitable[bool]]) -> None:
        try:
            more = await batch()
        except Exception as error:  # noqa: BLE001 - nobody waits for it, and a later login tries again
            self._logger.warning("%s were not deleted: %s", what, type(error).__name__)
        else:
            if more:
                self._next = 0.0

    async def _some_sessions(self) -> bool:
        return await self._sessions.purge(before=self._clock() - _GRACE, most=_BATCH) == _BATCH

    async def _some_addresses(self) -> bool:
        found, last = await self._addresses.purge(after=self._after, now=self._clock(), most=_BATCH)
        self._after = last or ""
        return found >= _BATCH // 2
