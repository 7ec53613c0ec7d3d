"""One process's requests for one key: one of them deals with the store, the others wait for what it learns."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sentri.finishing import finish
from sentri.idempotency.record import OVERHEAD, Answer, Begun, Finished, InFlight, Scope, Store, StoreUnavailable
from sentri.idempotency.watching import WatchedStore

__all__ = ["MOST_WAITING", "Busy", "Mismatch", "Run", "Turns"]

MOST_WAITING: Final = 100
"""Requests of one process that wait for one key; the next ones are told at once that it is busy."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_MOST_UNSETTLED: Final = 1000
_LAST_TRY: Final = 3.0


class Busy(Exception):
    """Somebody else still runs it."""


class Mismatch(Exception):
    """The key was used with another body."""


@dataclass(slots=True, eq=False)
class _Turn:
    """What the others wait for.

    Attributes:
        learned: what was found or made in this turn, or that the store says nothing; None where somebody else has to
            try.
        fingerprint: of the body that runs at this moment, once it is known.
    """

    learned: asyncio.Future[Finished | StoreUnavailable | None]
    fingerprint: bytes | None = None
    waiting: int = 0


@dataclass(slots=True, eq=False)
class Run:
    """The right to run, until it is completed or dropped. Made by `Turns.take`."""

    scope: Scope
    fingerprint: bytes
    owner: bytes = field(repr=False)
    turn: _Turn = field(repr=False)
    _turns: Turns = field(repr=False)

    async def complete(self, answer: Answer | None) -> None:
        """It has run, with this answer (None: it cannot be kept). A store that fails changes nothing for the caller."""
        await self._turns.complete(self, answer)

    async def drop(self) -> None:
        """It has failed: the key is free again."""
        await self._turns.drop(self)


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """What the store has not heard yet.

    Attributes:
        finished: what it is to be told.
        hurried: done when it is to be told at once, for the last time.
    """

    finished: Finished
    hurried: asyncio.Future[None]

    def hurry(self) -> None:
        if self.hurried.get_loop() is asyncio.get_running_loop() and not self.hurried.done():
            self.hurried.set_result(None)


class Turns:
    """Lets each key run once at a time, in this process and, through the store, in all others.

    Args:
        store: what all processes share.
        wait: seconds that a repeat waits for the first.
        lease: seconds after which the store gives up a run that was not renewed.
        keep: seconds that a store which failed after a run is tried again.
        max_bytes: of answers that such a store has to be told, together; of the next ones it hears that they are done.
    """

    def __init__(
        self,
        store: Store,
        *,
        wait: float,
        lease: float,
        keep: float,
        logger: logging.Logger,
        max_bytes: int = 64 << 20,
    ) -> None:
        self._store = WatchedStore(store, logger)
        self._wait = wait
        self._renew_every = lease / 3
        self._keep = keep
        self._logger = logger
        self._turns: dict[bytes, _Turn] = {}
        self._renewals: dict[Run, asyncio.TimerHandle] = {}
        self._renewing: set[asyncio.Task[None]] = set()
        self._unsettled: dict[Run, _Unsettled] = {}
        self._unsettled_bytes = 0
        self._max_bytes = max_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        """How many keys this process is busy with."""
        return len(self._turns)

    async def take(self, scope: Scope, fingerprint: bytes) -> Run | Finished:
        """The right to run, or what came of it before. Waits for who runs it at this moment.

        Raises `Busy` after `wait` seconds, `Mismatch`, and `StoreUnavailable`.
        """
        deadline = asyncio.get_running_loop().time() + self._wait
        while True:
            turn = self._turns.get(scope.name)
            if turn is None or turn.learned.get_loop() is not asyncio.get_running_loop():
                return await self._ask_store(scope, fingerprint, deadline)
            found = await self._wait_for(turn, fingerprint, deadline)
            if found is not None:
                return found

    async def _wait_for(self, turn: _Turn, fingerprint: bytes, deadline: float) -> Finished | None:
        if turn.fingerprint not in (None, fingerprint):
            raise Mismatch
        if turn.waiting >= MOST_WAITING and not turn.learned.done():
            raise Busy
        turn.waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                found = await asyncio.shield(turn.learned)
        except TimeoutError:
            raise Busy from None
        finally:
            turn.waiting -= 1
        if isinstance(found, StoreUnavailable):  # each of them would wait for it as long, one after the other
            raise StoreUnavailable(*found.args)
        return found and _matching(found, fingerprint)

    async def _ask_store(self, scope: Scope, fingerprint: bytes, deadline: float) -> Run | Finished:
        loop = asyncio.get_running_loop()
        turn = self._turns[scope.name] = _Turn(loop.create_future())
        run = Run(scope, fingerprint, secrets.token_bytes(16), turn, self)
        found: Begun | Finished | StoreUnavailable | None = None
        try:
            found = await self._begin(run, deadline)
            if isinstance(found, Finished):
                return _matching(found, fingerprint)
        except StoreUnavailable as error:
            found = error
            raise
        finally:
            if not isinstance(found, Begun):
                self._end(run, found)
        turn.fingerprint = fingerprint
        self._renew_later(run, self._renew_every)
        return run

    async def _begin(self, run: Run, deadline: float) -> Begun | Finished:
        """Asks until the key is free or finished, at growing intervals: nobody tells of what other processes do."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            try:
                found = await self._store.begin(run.scope, run.fingerprint, run.owner)
            except BaseException:  # it may be ours now, and nobody would run it
                self._spawn(self._undo(run))
                raise
            if not isinstance(found, InFlight):
                return found
            run.turn.fingerprint = found.fingerprint
            if found.fingerprint != run.fingerprint:
                raise Mismatch
            if loop.time() >= deadline:
                raise Busy
            await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def complete(self, run: Run, answer: Answer | None) -> None:
        """See `Run.complete`."""
        self._stop_renewing(run)
        finished = Finished(run.fingerprint, answer)
        try:
            recorded = await self._store.complete(run.scope, run.fingerprint, run.owner, answer)
        except StoreUnavailable:
            self._settle_later(run, finished)
            return
        except BaseException:
            self._end(run, None)
            raise
        if not recorded:
            self._lost()
        self._end(run, finished if recorded else None)

    async def drop(self, run: Run) -> None:
        """See `Run.drop`."""
        self._stop_renewing(run)
        try:
            await asyncio.shield(self._spawn(self._release(run)))
        finally:
            self._end(run, None)

    async def close(self) -> None:
        """Tell the store once more what it has not heard, and close it, unless something runs. May be repeated."""
        self._closing = True
        for unsettled in self._unsettled.values():
            unsettled.hurry()
        await finish(self._tasks, within=_LAST_TRY)
        self._closing = False
        if not self._is_busy():  # a store that is closed under a run would lose its lease
            await self._store.close()

    def _is_busy(self) -> bool:
        loop = asyncio.get_running_loop()
        return any(turn.learned.get_loop() is loop for turn in self._turns.values())

    def _end(self, run: Run, learned: Finished | StoreUnavailable | None) -> None:
        if self._turns.get(run.scope.name) is run.turn:
            del self._turns[run.scope.name]
        if not run.turn.learned.done():
            run.turn.learned.set_result(learned)

    # --- the lease

    def _renew_later(self, run: Run, pause: float) -> None:
        loop = asyncio.get_running_loop()
        self._renewals[run] = loop.call_later(pause, lambda: _spawned(self._renew(run), self._renewing))

    def _stop_renewing(self, run: Run) -> None:
        timer = self._renewals.pop(run, None)
        if timer is not None:
            timer.cancel()

    async def _renew(self, run: Run) -> None:
        pause = self._renew_every
        try:
            held = await self._store.renew(run.scope, run.fingerprint, run.owner)
        except StoreUnavailable:  # which may have lost the key, and must hear of it before somebody else takes it
            held, pause = True, min(pause, _LONGEST_PAUSE)
        if run not in self._renewals:  # it ended, perhaps before this renewal: a key that was freed must stay free
            if run not in self._unsettled:
                await self._release(run)
        elif held:
            self._renew_later(run, pause)
        else:
            self._lost()

    async def _release(self, run: Run) -> None:
        with suppress(StoreUnavailable):  # then its lease will end
            await self._store.release(run.scope, run.fingerprint, run.owner)

    async def _undo(self, run: Run) -> None:
        """Free a key that `begin` may have taken without our hearing of it, or takes yet: a store that was frozen does
        what it was asked for when it goes on. Until its lease ends nobody could use the key.
        """
        loop = asyncio.get_running_loop()
        pause, end = _FIRST_PAUSE, loop.time() + self._renew_every * 3
        while loop.time() < end:
            try:
                await self._store.release(run.scope, run.fingerprint, run.owner)
            except StoreUnavailable:
                if self._closing:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    def _lost(self) -> None:
        self._logger.error(
            "A handler ran longer than its lease could be held, and another run has taken its idempotency key: "
            "its answer was given, but is not kept."
        )

    # --- a store that failed after the run

    def _settle_later(self, run: Run, finished: Finished) -> None:
        """Until it is recorded, at least this process answers with it."""
        if self._unsettled_bytes + _size(finished) > self._max_bytes:
            finished = Finished(run.fingerprint, None)
        run.turn.learned.set_result(finished)
        if len(self._unsettled) >= _MOST_UNSETTLED:
            self._end(run, None)
            return
        self._unsettled[run] = _Unsettled(finished, asyncio.get_running_loop().create_future())
        self._unsettled_bytes += _size(finished)
        self._spawn(self._settle(run, self._unsettled[run]))

    async def _settle(self, run: Run, unsettled: _Unsettled) -> None:
        pause = _FIRST_PAUSE
        is_last = False
        try:
            async with asyncio.timeout(self._keep):
                while not is_last:
                    await asyncio.wait([unsettled.hurried], timeout=pause)
                    is_last = unsettled.hurried.done()
                    pause = min(pause * 2, 2.0)
                    with suppress(StoreUnavailable):
                        await self._store.complete(run.scope, run.fingerprint, run.owner, unsettled.finished.answer)
                        return
        except TimeoutError:
            return
        finally:
            del self._unsettled[run]
            self._unsettled_bytes -= _size(unsettled.finished)
            self._end(run, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return _spawned(work, self._tasks)


def _spawned(work: Coroutine[Any, Any, None], into: set[asyncio.Task[None]]) -> asyncio.Task[None]:
    """A task that is held until it has ended."""
    task = asyncio.get_running_loop().create_task(work)
    into.add(task)
    task.add_done_callback(into.discard)
    return task


def _size(finished: Finished) -> int:
    return OVERHEAD + (finished.answer.size if finished.answer else 0)


def _matching(found: Finished, fingerprint: bytes) -> Finished:
    if found.fingerprint != fingerprint:
        raise Mismatch
    return found
