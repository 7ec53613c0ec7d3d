"""The keys that another server publishes, kept through its outages and its rotations."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from sentri.clock import Clock, system_clock
from sentri.errors import SentriError
from sentri.finishing import finish
from sentri.keys.algorithms import Algorithm
from sentri.keys.freshness import Freshness
from sentri.keys.published import Unusable, read_key_set
from sentri.keys.verifying import VerifyingKey
from sentri.randomness import fraction

__all__ = ["Answer", "Fetch", "FetchFailed", "KeysStatus", "RemoteKeys"]

_LONGEST_LINE: Final = 1000  # characters of a log line about keys left out
_MOST_KIDS: Final = 16  # in an event, …
_LONGEST_KID: Final = 64  # … and characters of each


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fetch brought.

    Attributes:
        body: the key set; None for 304 Not Modified.
        etag: names this answer in the next `If-None-Match`.
        max_age: seconds that it stays fresh, from the moment the request was sent; None where nothing was said.
    """

    body: bytes | None
    etag: str | None
    max_age: float | None


class FetchFailed(Exception):
    """A fetch brought no answer. The text says why, without URL, secrets or content."""


Fetch = Callable[[str | None], Awaitable[Answer]]
"""Asks the server once, with this `If-None-Match`; raises `FetchFailed`."""


@dataclass(frozen=True, slots=True)
class KeysStatus:
    """How the keys stand, for a readiness probe.

    Attributes:
        state: *fresh*; *stale*, older than they should be and still used; *unavailable*, there are none to use.
        last_success: seconds since the epoch; None before the first.
        last_error: why the last fetch failed; None where it did not.
        key_ids: of the keys in use.
    """

    state: Literal["fresh", "stale", "unavailable"]
    last_success: float | None
    last_error: str | None
    key_ids: tuple[str, ...]


class RemoteKeys:
    """`await find(kid)`: a published key, from memory as long as that is right.

    The rules (their numbers are constants of `sentri.keys.freshness`):

    1.  A known kid with fresh keys is answered from memory.
    2.  At most one fetch is under way, in a task of its own: whoever needs it waits for that one, and whoever is
        cancelled leaves it alone. It has `timeout` seconds. One of an event loop that is gone is forgotten.
    3.  Keys are fresh for `cache_ttl`, or for `max_age` where that is shorter, from the moment their fetch began; but
        at least for 1 s from its answer.
    4.  From 75 to 85 % of that time on, the next `find` begins a fetch and does not wait for it; callers go on with
        the old keys until it ends, even past the end of freshness.
    5.  Where nobody asked in that time, the first `find` after it waits for the fetch, so that a retired key does not
        outlive it. If the fetch fails, the old keys serve on.
    6.  After a failure the old keys serve until `max_stale` after the end of freshness. The next fetch begins with the
        first `find` after a wait of 1 s, doubled with each further failure up to 60 s, of which the random half to
        whole is kept. Nobody waits for it but those who have no key, unless no fetch has failed for 120 s:
        an outage that nobody looked at for so long is not taken for granted.
    7.  Without keys to use, `find` waits for a fetch that is due, and in between raises `KEYS_UNAVAILABLE`.
    8.  An unknown kid waits for the fetch that is under way. If it stays unknown it causes one, but no more than one in
        30 s for all callers and kids together; first fetches, refreshes and retries do not count. The kid is unknown
        once a fetch that began after the call, or the 30 s, say so; if the last fetch failed, nothing is known, and it
        is `KEYS_UNAVAILABLE`.
    9.  Only the youngest fetch may change anything: an older answer never replaces a newer one.
    10. 304 renews the freshness of the keys that it was asked about, for as long as it says, else for as long as their
        own answer said; unasked for, it is a failure. After a failure the next fetch asks for the whole set.
    11. A set without any key that can be used is a failure, as is everything that the fetch or the parser raises.
    12. A key that did not change stays the same object; one that is gone from the set is gone here.
    13. `keys.unreachable` is told when fetching begins to fail, `keys.reachable` when it works again, `keys.changed`
        for other keys than before; one INFO in the log for a set with keys left out.

    Args:
        fetch: asks the server.
        algorithms: those that keys may verify with, in order of preference.
        cache_ttl: seconds that keys are fresh at most.
        max_stale: seconds that they may be used after that while the server cannot be reached.
        timeout: seconds for one fetch.
        tell: tells the events of rule 13.
        logger: gets its line.
        name: what those call this key set; without secrets.
        clock: the time of day, for the status.
        timer: seconds that never go back, for everything else.
        jitter: a random number from 0 to 1.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        algorithms: Sequence[Algorithm],
        cache_ttl: float,
        max_stale: float,
        timeout: float,
        tell: Callable[..., None],
        logger: logging.Logger,
        name: str,
        clock: Clock = system_clock,
        timer: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = fraction,
    ) -> None:
        self._fetch = fetch
        self._algorithms = tuple(algorithms)
        self._timeout = timeout
        self._news = _News(tell, logger, name)
        self._clock = clock
        self._timer = timer
        self._freshness = Freshness(cache_ttl, max_stale, jitter)
        self._keys: Mapping[str, VerifyingKey] = MappingProxyType({})
        self._etag: str | None = None
        self._max_age: float | None = None
        self._last_success: float | None = None
        self._last_error: str | None = None
        self._youngest: _Attempt | None = None
        self._begun = 0

    async def find(self, kid: str, *, ask: bool = True) -> VerifyingKey | None:
        """The key with this id; None where the server has none.

        Without `ask` an unknown kid is no reason for a fetch (rule 8): for tokens that no key could save.

        Raises `KEYS_UNAVAILABLE`, with `Retry-After`, where the server cannot be asked and it matters.
        """
        return self.known(kid) or await self._sought(kid, ask=ask)

    def known(self, kid: str) -> VerifyingKey | None:
        """The key with this id, where `find` would answer from memory and nobody has to be asked (rule 1)."""
        return self._keys.get(kid) if self._timer() < self._freshness.undisturbed_until else None

    async def prefetch(self) -> None:
        """See that there are keys to use; ask the server unless they are fresh. Raises `KEYS_UNAVAILABLE`."""
        now = self._timer()
        if now < self._freshness.fresh_until:
            return
        attempt = self._attempt(now)
        good = attempt is not None and await attempt.succeeded()
        if not good and self._timer() >= self._freshness.usable_until:
            raise self._unavailable()

    async def tend(self) -> float:
        """Fetch if that is due, as a request would; seconds until it is due next."""
        attempt = self._attempt(self._timer())
        if attempt is not None:
            await attempt.succeeded()
        return self._freshness.next_at - self._timer()

    def status(self) -> KeysStatus:
        """How the keys stand at this moment. Asks nobody."""
        now = self._timer()
        if now >= self._freshness.usable_until:
            return KeysStatus("unavailable", self._last_success, self._last_error, ())
        state: Literal["fresh", "stale"] = "fresh" if now < self._freshness.fresh_until else "stale"
        return KeysStatus(state, self._last_success, self._last_error, tuple(self._keys))

    async def close(self) -> None:
        """End a fetch that is under way. Whoever waits for it goes on with the old keys, if there are any."""
        if self._youngest is not None:
            await finish([self._youngest.task], within=0)

    async def _sought(self, kid: str, *, ask: bool) -> VerifyingKey | None:
        begun_before = self._begun
        while True:  # at most twice: what the second turn waits for began after the call
            now = self._timer()
            key = self._usable(kid, now)
            attempt = self._attempt(now, unknown=ask and key is None)
            if attempt is None or (key is not None and not attempt.awaited):
                return self._settled(key, known=not self._freshness.failures)
            if not await attempt.succeeded():
                return self._settled(self._usable(kid, self._timer()), known=False)
            key = self._keys.get(kid)  # whoever waited for an answer has it, however soon it is no longer fresh
            if key is not None or attempt.number > begun_before:
                return key

    def _settled(self, key: VerifyingKey | None, *, known: bool) -> VerifyingKey | None:
        """The key. Without one, it is unknown, if the server's keys of this moment are known."""
        if key is None and not known:
            raise self._unavailable()
        return key

    def _usable(self, kid: str, now: float) -> VerifyingKey | None:
        return self._keys.get(kid) if now < self._freshness.usable_until else None

    def _unavailable(self) -> SentriError:
        message = "The keys that verify tokens cannot be fetched. Try again later."
        wait = self._freshness.seconds_to_retry(self._timer())
        return SentriError("KEYS_UNAVAILABLE", message, headers={"Retry-After": str(wait)})

    def _attempt(self, now: float, *, unknown: bool = False) -> _Attempt | None:
        """The fetch that is under way, or one that begins because it is due or because a kid is unknown."""
        if self._youngest is not None and self._youngest.under_way():
            return self._youngest
        if not self._freshness.due(now) and not (unknown and self._freshness.may_ask_for_kid(now)):
            return None
        self._begun += 1
        run = self._run(self._begun, now)
        task = asyncio.get_running_loop().create_task(run, context=contextvars.Context())  # no request's own
        self._youngest = _Attempt(self._begun, task, awaited=self._freshness.awaited(now))
        return self._youngest

    async def _run(self, number: int, began: float) -> bool:
        """One fetch from its beginning to what it changes; whether it succeeded."""
        try:
            answer = await self._answer()
            if number != self._begun:
                return False
            self._succeeded(answer, began)
        except FetchFailed as error:
            self._failed(number, str(error))
        except Unusable as error:
            self._news.left_out(error.left_out)
            self._failed(number, str(error))
        except Exception as error:  # noqa: BLE001 - nothing that a fetch raises may take the keys away
            self._failed(number, type(error).__name__)
        else:
            return True
        return False

    async def _answer(self) -> Answer:
        """The server's answer within `timeout`, even from a fetch that does not let itself be cancelled."""
        asking = asyncio.ensure_future(self._fetch(self._etag))
        asking.add_done_callback(_look_at)
        try:
            await asyncio.wait([asking], timeout=self._timeout)
            if not asking.done():
                raise FetchFailed(f"no answer within {self._timeout:g} s")
            if asking.cancelled():
                raise FetchFailed("the fetch was cancelled")
            return asking.result()
        finally:
            asking.cancel()

    def _succeeded(self, answer: Answer, began: float) -> None:
        if answer.body is not None:
            read = read_key_set(answer.body, algorithms=self._algorithms, known=self._keys)
            self._news.left_out(read.left_out)
            self._news.changed(self._keys, read.keys)
            self._keys, self._etag, self._max_age = read.keys, answer.etag, answer.max_age
        elif self._etag is None:
            raise FetchFailed("304 Not Modified, which was not asked for")
        else:
            self._etag = answer.etag or self._etag
            self._max_age = self._max_age if answer.max_age is None else answer.max_age
        self._freshness.succeeded(began, self._timer(), self._max_age)
        self._last_success, self._last_error = self._clock(), None
        self._news.works()

    def _failed(self, number: int, reason: str) -> None:
        if number != self._begun:
            return
        self._freshness.failed(self._timer())
        self._etag = None  # a server, or something before it, may be unable to answer just such requests
        self._last_error = reason
        self._news.fails(reason)


class _Attempt:
    """A fetch.

    Attributes:
        number: grows with every fetch.
        task: whether it succeeded.
        awaited: whether those who have an old key wait for it nevertheless.
    """

    __slots__ = ("awaited", "number", "task")

    def __init__(self, number: int, task: asyncio.Task[bool], *, awaited: bool) -> None:
        self.number = number
        self.task = task
        self.awaited = awaited

    def under_way(self) -> bool:
        return not self.task.done() and self.task.get_loop() is asyncio.get_running_loop()

    async def succeeded(self) -> bool:
        """Its outcome. Whoever is cancelled while waiting leaves it alone."""
        await asyncio.wait([self.task])
        return not self.task.cancelled() and self.task.result()


class _News:
    """Tells a change once, and nothing of what stays as it is."""

    def __init__(self, tell: Callable[..., None], logger: logging.Logger, name: str) -> None:
        self._tell = tell
        self._logger = logger
        self._name = name
        self._failing = False
        self._left_out: tuple[str, ...] = ()

    def fails(self, reason: str) -> None:
        if not self._failing:
            self._tell("keys.unreachable", key_uri=self._name, error=reason)
        self._failing = True

    def works(self) -> None:
        if self._failing:
            self._tell("keys.reachable", key_uri=self._name)
        self._failing = False

    def changed(self, before: Mapping[str, VerifyingKey], now: Mapping[str, VerifyingKey]) -> None:
        added, removed = _only_in(now, before), _only_in(before, now)
        if before and (added or removed):
            self._tell("keys.changed", key_uri=self._name, added=added, removed=removed)

    def left_out(self, reasons: tuple[str, ...]) -> None:
        if reasons and reasons != self._left_out:
            text = "; ".join(reasons)[:_LONGEST_LINE]
            self._logger.info("Left out of the keys of %s: %s", self._name, text)
        self._left_out = reasons


def _only_in(these: Mapping[str, VerifyingKey], others: Mapping[str, VerifyingKey]) -> tuple[str, ...]:
    """The key ids of the keys that the others have not; what others published may be long, and is cut."""
    kids = [kid for kid, key in these.items() if others.get(kid) is not key]
    return tuple(kid[:_LONGEST_KID] for kid in kids[:_MOST_KIDS])


def _look_at(asked: asyncio.Future[Answer]) -> None:
    """See the exception of a fetch that nobody waits for any longer: asyncio would report it."""
    if not asked.cancelled():
        asked.exception()
