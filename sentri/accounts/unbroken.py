"""Work that goes on to its end, whoever stops waiting for it: what was written is told."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from sentri.errors import SentriError
from sentri.finishing import finish

if TYPE_CHECKING:
    from sentri.accounts.context import Context

__all__ = ["Unbroken", "unbroken"]

P = ParamSpec("P")
T = TypeVar("T")
Step = Callable[Concatenate["Context", P], Coroutine[Any, Any, T]]
_SHUTDOWN_TIMEOUT: Final = 5.0


class Unbroken:
    """Runs work in tasks of their own.

    A client that hangs up, or a time limit of the host's, cancels whoever waits: in between the commit and the telling
    it would leave a change that nobody hears of.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of it. Raises `SERVICE_UNAVAILABLE` where `close` was faster."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait((task,))  # unlike `await task`: when this wait is cancelled, the task goes on
        if task.cancelled():
            raise SentriError("SERVICE_UNAVAILABLE", "The server is stopping. Try again later.")
        return task.result()

    async def close(self) -> None:
        """Wait for what still runs, at most 5 s."""
        await finish(self._running, within=_SHUTDOWN_TIMEOUT)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen: perhaps nobody waits for it any more


def unbroken(step: Step[P, T]) -> Step[P, T]:
    """The step of a flow that writes and tells. Passwords are hashed before it: who waits in that line may leave it."""

    @functools.wraps(step)
    async def carried(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await context.unbroken.run(step(context, *args, **kwargs))

    return carried
