"""Look-ups that wait at the same time travel in one query."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

__all__ = ["Coalescer"]

K = TypeVar("K")
V = TypeVar("V")
Waiters = list["asyncio.Future[V | Exception | None]"]


class Coalescer(Generic[K, V]):
    """`await get(key)`, with one `fetch` for all look-ups that wait when a lane falls free.

    A look-up joins only a batch that has not been sent: its answer is never older than its own query's would be.
    Each batch runs in a task of its own, in the context of no request, so that no caller's cancellation or
    context variables reach the others; oldest first. A failed batch fails its own look-ups, each with an
    exception of its own.

    Args:
        fetch: asks for several keys at once; keys that it leaves out have no value.
        failure: makes the exception of one look-up from the batch's.
        lanes: batches in flight at most.
        largest: keys in a batch at most.
        timeout: seconds for one batch.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        failure: Callable[[Exception], Exception],
        lanes: int = 2,
        largest: int = 200,
        timeout: float = 5.0,
    ) -> None:
        self._fetch = fetch
        self._failure = failure
        self._lanes = lanes
        self._free = lanes
        self._largest = largest
        self._timeout = timeout
        self._waiting: dict[K, Waiters[V]] = {}
        self._tasks: set[asyncio.Task[Mapping[K, V]]] = set()
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(self, key: K) -> V | None:
        """The key's value now; None where there is none."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._begin(loop)
        answer: asyncio.Future[V | Exception | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        if not self._free:
            return await self._queued(answer)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._send, context=contextvars.Context())  # the rest of this turn may still join
        return self._read(await answer)

    async def _queued(self, answer: asyncio.Future[V | Exception | None]) -> V | None:
        """The answer of a batch that cannot be sent yet; all the waiting together has the time of one batch."""
        try:
            async with asyncio.timeout(self._timeout):
                return self._read(await answer)
        except TimeoutError as error:
            raise self._failure(error) from None

    def _read(self, found: V | Exception | None) -> V | None:
        if isinstance(found, Exception):
            raise self._failure(found) from None
        return found

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget an earlier event loop: what was under way there will never be answered."""
        self._loop = loop
        self._free = self._lanes
        self._scheduled = False
        self._waiting = {}
        self._tasks = set()

    def _send(self) -> None:
        self._scheduled = False
        while self._free and (batch := self._next()):
            self._free -= 1
            context = contextvars.Context()
            task = asyncio.get_running_loop().create_task(self._ask(tuple(batch)), context=context)
            self._tasks.add(task)  # the loop itself keeps no strong reference
            task.add_done_callback(partial(self._settle, batch), context=context)

    def _next(self) -> dict[K, Waiters[V]]:
        """The oldest look-ups that somebody still waits for."""
        batch: dict[K, Waiters[V]] = {}
        while self._waiting and len(batch) < self._largest:
            key = next(iter(self._waiting))
            if waiters := [waiter for waiter in self._waiting.pop(key) if not waiter.done()]:
                batch[key] = waiters
        return batch

    async def _ask(self, keys: Sequence[K]) -> Mapping[K, V]:
        async with asyncio.timeout(self._timeout):
            return await self._fetch(keys)

    def _settle(self, batch: dict[K, Waiters[V]], task: asyncio.Task[Mapping[K, V]]) -> None:
        """Answer everybody, whatever became of the task: cancelled, as the loop ends, it may never have run."""
        if task not in self._tasks:  # of an event loop that is gone
            return
        self._tasks.discard(task)
        self._free += 1
        error = ConnectionAbortedError() if task.cancelled() else task.exception()
        found: Mapping[K, V] = {} if error else task.result()
        for key, waiters in batch.items():
            outcome = error if isinstance(error, Exception) else found.get(key)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(outcome)
        self._send()
