"""When to ask for a key set again, and for how long the last answer counts. Numbers only: nothing is asked here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

__all__ = ["Freshness"]

LEAST_FRESH: Final = 1.0
"""Seconds that an answer counts at least, from its arrival: for servers that say `no-store`, or that are slow."""

AHEAD: Final = 0.75
AHEAD_SPREAD: Final = 0.10
"""Keys are refreshed from this share of their freshness on, later by a random part of the spread."""

KID_INTERVAL: Final = 30.0
"""Seconds between two fetches that unknown key ids cause."""

LEAST_BACKOFF: Final = 1.0
LONGEST_BACKOFF: Final = 60.0
"""Seconds after the first failure and, doubled with each further one, at most. The wait is random between half of
that and all of it."""

OUTAGE_BELIEVED: Final = 120.0
"""Seconds after a failed fetch in which keys that are no longer fresh serve on without anybody waiting."""


class Freshness:
    """The moments of one remote key set, as its timer counts them. The rules are those of `RemoteKeys`.

    Attributes:
        fresh_until: rule 3.
        usable_until: rule 6.
        next_at: when the next fetch is due.
        undisturbed_until: until then a known kid needs no further thought.
        failures: since the last success.
    """

    __slots__ = (
        "_asked_for_kid_at", "_cache_ttl", "_failed_at", "_jitter", "_max_stale",
        "failures", "fresh_until", "next_at", "undisturbed_until", "usable_until",
    )  # fmt: skip

    def __init__(self, cache_ttl: float, max_stale: float, jitter: Callable[[], float]) -> None:
        self._cache_ttl = cache_ttl
        self._max_stale = max_stale
        self._jitter = jitter
        self.failures = 0
        self.fresh_until = self.usable_until = self.next_at = self.undisturbed_until = -math.inf
        self._failed_at = self._asked_for_kid_at = -math.inf

    def succeeded(self, began: float, now: float, max_age: float | None) -> None:
        fresh = self._cache_ttl if max_age is None else min(self._cache_ttl, max_age)
        share = AHEAD + AHEAD_SPREAD * self._jitter()
        self.fresh_until = max(began + fresh, now + LEAST_FRESH)
        self.usable_until = self.fresh_until + self._max_stale
        self.next_at = max(began + fresh * share, now + LEAST_FRESH * share)
        self.undisturbed_until = self.next_at
        self.failures = 0
        self._failed_at = -math.inf

    def failed(self, now: float) -> None:
        whole = min(LONGEST_BACKOFF, LEAST_BACKOFF * 2 ** min(self.failures, 10))
        self.failures += 1
        self._failed_at = now
        self.next_at = now + whole * (1 + self._jitter()) / 2
        self.undisturbed_until = min(self.next_at, self.usable_until)

    def due(self, now: float) -> bool:
        return now >= self.next_at

    def seconds_to_retry(self, now: float) -> int:
        """Whole seconds, at least 1, until it makes sense to ask again."""
        return max(1, math.ceil(self.next_at - now)) if self.failures else 1

    def awaited(self, now: float) -> bool:
        """Whether a fetch that begins now has to be waited for: the keys are not fresh, for no known reason."""
        believed = now < self._failed_at + OUTAGE_BELIEVED
        return now >= self.fresh_until and not believed

    def may_ask_for_kid(self, now: float) -> bool:
        """Whether an unknown kid causes a fetch now. A yes counts as one. While fetches fail, retries are enough."""
        if self.failures or now < self._asked_for_kid_at + KID_INTERVAL:
            return False
        self._asked_for_kid_at = now
        return True
