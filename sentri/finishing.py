"""Letting tasks finish before what they use is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, Final

__all__ = ["finish"]

_STOPPING: Final = 2.0


async def finish(tasks: Iterable[asyncio.Task[Any]], *, within: float) -> None:
    """Wait at most `within` seconds for the tasks, then cancel those that still run, and give them 2 s to stop.

    Tasks of an event loop that is gone will never end: they are passed over.
    """
    loop = asyncio.get_running_loop()
    running = [task for task in tasks if task.get_loop() is loop]
    if running:
        _, late = await asyncio.wait(running, timeout=within)
        await _stop(late)


async def _stop(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        stopped, _ = await asyncio.wait(tasks, timeout=_STOPPING)  # one of the host's may take no notice
        await asyncio.gather(*stopped, return_exceptions=True)  # nobody else asks what they raised
