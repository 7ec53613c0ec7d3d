"""Looking again and again, for as long as something is open."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from sentri.keys.telling import tell

__all__ = ["Polling"]


class Polling:
    """Runs a step every so often in a task of its own, whatever the step raises.

    Args:
        step: what is done.
        pause: seconds between two steps, at most: jittered, so that processes do not ask in chorus.
        what: what the step does, as the log names it.
        logger: is told once when the step begins to fail, by the type of the exception, and once when it works again.
    """

    def __init__(self, step: Callable[[], Awaitable[None]], *, pause: float, what: str, logger: logging.Logger) -> None:
        self._step = step
        self._pause = pause
        self._what = what
        self._logger = logger
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop, or begin again where something ended it. Safe to repeat."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End it and wait for that. Safe to repeat; what belonged to an event loop that is gone has ended with it."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait((task,))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause * random.uniform(0.7, 1.0))  # noqa: S311 - jitter
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 - it goes on; nothing but the type is safe to log
                self._tell(error)
            else:
                self._tell(None)

    def _tell(self, error: Exception | None) -> None:
        failing = error is not None
        if failing == self._failing:
            return
        self._failing = failing
        if error is None:
            tell(self._logger, logging.INFO, "%s works again", self._what)
        else:
            text = "%s fails (%s); it is tried again and again"
            tell(self._logger, logging.ERROR, text, self._what, type(error).__name__)
