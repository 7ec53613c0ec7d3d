"""Requests that are carried out to their end, whoever hangs up meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sentri.web.left_alone import LeftAlone

__all__ = ["CarryingOut"]

_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_SHUTDOWN_TIMEOUT: Final = 5.0


@web.middleware
class CarryingOut:
    """Lets endpoints that change something end, where aiohttp cancels the handlers of clients that go away
    (`handler_cancellation=True`): what was written is told to the hooks, whoever hangs up in between.

    Args:
        concerns: whether a request is for such an endpoint.
        may_stop: whether a task may be stopped still: nothing was written, and it waits for its turn.
    """

    def __init__(
        self,
        *,
        concerns: Callable[[web.Request], bool],
        may_stop: Callable[[asyncio.Task[Any]], bool],
        logger: logging.Logger,
    ) -> None:
        self._concerns = concerns
        self._may_stop = may_stop
        self._left_alone = LeftAlone("An endpoint", logger)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in _SAFE or not self._concerns(request):
            return await handler(request)
        work = asyncio.ensure_future(handler(request))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if self._may_stop(work):
                work.cancel()
            self._left_alone.add(work)
            raise

    async def close(self) -> None:
        """Wait for what nobody else waits for, at most 5 s."""
        await self._left_alone.close(within=_SHUTDOWN_TIMEOUT)
