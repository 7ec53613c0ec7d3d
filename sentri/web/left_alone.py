"""Work of requests whose clients have gone."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from sentri.errors import SentriError
from sentri.finishing import finish

__all__ = ["LeftAlone"]


class LeftAlone:
    """Holds work that nobody waits for any more until it has ended.

    What it raises gets to no error middleware: the log is told of it, unless it is an answer.

    Args:
        what: the work's name in the log, such as "A handler".
    """

    def __init__(self, what: str, logger: logging.Logger) -> None:
        self._what = what
        self._logger = logger
        self._tasks: set[asyncio.Task[web.StreamResponse]] = set()

    def add(self, work: asyncio.Task[web.StreamResponse]) -> None:
        """From now on nobody else waits for it."""
        self._tasks.add(work)
        work.add_done_callback(self._ended)

    async def close(self, *, within: float) -> None:
        """Wait for all of it, at most `within` seconds, then stop it."""
        await finish(self._tasks, within=within)

    def _ended(self, work: asyncio.Task[web.StreamResponse]) -> None:
        self._tasks.discard(work)
        error = None if work.cancelled() else work.exception()
        if error is not None and not isinstance(error, web.HTTPException | SentriError):
            self._logger.error("%s raised an exception after its client had gone.", self._what, exc_info=error)
