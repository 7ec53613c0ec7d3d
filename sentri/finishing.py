"""Letting tasks finish before what they use is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["finish"]


async def finish(tasks: Iterable[asyncio.Task[Any]], *, within: float) -> None:
    """Wait at most `within` seconds for the tasks, then cancel those that still run.

    Tasks of an event loop that is gone will never end: they are passed over.
    """
    loop = asyncio.get_running_loop()
    running = [task for task in tasks if task.get_loop() is loop]
    if running:
        _, late = await asyncio.wait(running, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
