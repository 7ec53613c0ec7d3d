"""Telling the host what happened: after the commit, never in the way of the answer."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sentri.finishing import finish

__all__ = ["HookRunner"]


class HookRunner:
    """Runs the configured hooks. Each is awaited at most `timeout` seconds and then left to finish.

    An exception in a hook is logged and goes no further. The log has the exception's type and traceback but not its
    text, which may quote what a user typed.
    """

    def __init__(
        self,
        hooks: Mapping[str, Callable[..., Any]],
        *,
        timeout: float,
        logger: logging.Logger,
    ) -> None:
        self._hooks = hooks
        self._timeout = timeout
        self._logger = logger
        self._running: set[asyncio.Task[None]] = set()

    async def tell(self, name: str, *what: object) -> None:
        """Call the hook `name`, if there is one."""
        await self.wait([self.begin(name, *what)])

    def begin(self, name: str, *what: object) -> asyncio.Task[None] | None:
        """Call the hook `name`, if there is one, without waiting for it."""
        hook = self._hooks.get(name)
        if hook is None:
            return None
        task = asyncio.create_task(self._run(name, hook, what))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def wait(self, begun: Iterable[asyncio.Task[None] | None]) -> None:
        """Wait for what was begun, `timeout` seconds for all of it."""
        tasks = [task for task in begun if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self._timeout)

    async def _run(self, name: str, hook: Callable[..., Any], what: tuple[object, ...]) -> None:
        try:
            outcome = hook(*what)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception as error:  # noqa: BLE001 - whatever a hook raises, the request goes on
            where = "".join(traceback.format_tb(error.__traceback__))
            self._logger.error(  # noqa: TRY400 - logging.exception would show the exception's text
                "The hook %s raised %s; the request went on.\n%s", name, type(error).__name__, where
            )

    async def close(self) -> None:
        """Give the hooks that still run one more `timeout` to finish, then cancel them."""
        await finish(self._running, within=self._timeout)
