"""What a kept key is for at a moment: derived from times, so that one INSERT is a whole rotation.

    upcoming ──► signing ──► retiring ──► retired
             │           │            └ the last token that it signed has expired
             │           └ its successor signs
             └ `signs_at`; published all the while, so that every client knows it by then

A key that somebody ends (`retired_at`) is retired at once, wherever it was. Every key that is not retired verifies,
an upcoming one too: the clock of the process that signs may run ahead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sentri.keys.records import KeyRecord, Purpose

__all__ = ["KeyInfo", "KeyTimes", "State", "Timeline"]

State = Literal["upcoming", "signing", "retiring", "retired"]
_DAY: Final = 86400.0
_YEAR: Final = 365 * _DAY
_MOST_KEPT: Final = 100
"""Keys that are all kept for a year; every process reads the whole table every second or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTimes:
    """How long what takes, in seconds. One number follows from the others, so they are changed together.

    Attributes:
        max_age: how long clients, and a proxy before them, may keep the answer of `GET /keys`.
        publish_for: from the making of a key until it signs: longer than `max_age` twice (the client's cache, filled
            from a proxy's at its last moment), and `notice`.
        notice: the longest pause between two looks at the table.
        margin: by how much the clocks of two processes may differ.
    """

    max_age: float = 300.0
    publish_for: float = 900.0
    notice: float = 1.5
    margin: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """A signing key of the server, without the key. Instants are seconds since the Unix epoch.

    Attributes:
        kid: its key id, as in `GET /keys` and in the header of tokens.
        purpose: `"access"`, or `"refresh"` for the one key of refresh tokens.
        algorithm: what it signs with.
        state: `"upcoming"`, `"signing"`, `"retiring"` (it verifies only) or `"retired"` (it is refused).
        created_at: when it was made.
        signs_at: when it begins to sign, or began.
        retires_at: when it stops signing, or stopped; None while nothing is to follow it.
        verifies_until: when the last of its tokens has expired, or when it was ended; None as above.
    """

    kid: str
    purpose: Purpose
    algorithm: str
    state: State
    created_at: float
    signs_at: float
    retires_at: float | None
    verifies_until: float | None


class Timeline:
    """The keys of one purpose in order of generation, each from its `signs_at` until its successor's.

    Args:
        waits: whether somebody else signs until the first key does. Without, the first key signs early where it has
            to: a process whose clock runs behind cannot wait for the time at which another process made it.
    """

    def __init__(self, records: Iterable[KeyRecord], purpose: Purpose, times: KeyTimes, *, waits: bool = False) -> None:
        self.records = tuple(sorted((r for r in records if r.purpose == purpose), key=lambda r: r.generation))
        self._superseded = _superseded(self.records)
        self._margin = times.margin
        self._waits = waits

    @property
    def able(self) -> list[KeyRecord]:
        """Those that nobody ended, and that still have what they sign with."""
        return [record for record in self.records if record.retired_at is None and record.private_key is not None]

    def signing(self, now: float) -> KeyRecord | None:
        """The one key that signs; None only where there is no key, or where somebody else signs."""
        able = self.able
        for record in able:
            if record.signs_at <= now < self.superseded_at(record):
                return record
        if self._waits:
            return None
        # The clock of whoever made the next one runs ahead of ours; or an accident left nothing but an old one.
        waiting = [record for record in able if record.signs_at > now]
        return waiting[0] if waiting else able[-1] if able else None

    def verifying(self, now: float) -> tuple[KeyRecord, ...]:
        """Every key that is not retired; the oldest first."""
        return tuple(record for record in self.records if self.state(record, now) != "retired")

    def upcoming(self, now: float) -> KeyRecord | None:
        """The key that signs next."""
        return next((record for record in self.able if self.state(record, now) == "upcoming"), None)

    def begun(self, now: float) -> bool:
        """Whether any of them has ever signed."""
        return any(record.signs_at <= now and _has_its_time(record) for record in self.records)

    def changes_about(self, now: float) -> bool:
        """Whether another key begins to sign, or began, so near to this moment that clocks differ about which does."""
        first = [record.signs_at for record in self.records[:1] if self._waits]
        instants = [*first, *self._superseded.values()]
        return any(abs(instant - now) <= self._margin for instant in instants)

    def state(self, record: KeyRecord, now: float) -> State:
        """What the key is for."""
        if record.retired_at is not None:
            return "retired"
        if record is self.signing(now):
            return "signing"
        if now >= self.verifies_until(record):
            return "retired"
        return "upcoming" if now < record.signs_at else "retiring"

    def superseded_at(self, record: KeyRecord) -> float:
        """When the next key signs in its place: one that was ended later has been the next one too."""
        return self._superseded[record.generation]

    def verifies_until(self, record: KeyRecord) -> float:
        """When it is refused: with its end, or with the expiry of the last token that it can have signed."""
        if record.retired_at is not None:
            return record.retired_at
        return self.superseded_at(record) + record.token_lifetime + self._margin

    def outlived(self, now: float) -> list[KeyRecord]:
        """The keys that nobody needs to know of any more; the oldest first.

        Each has been followed by another and refused for a year, or for a day where a hundred newer ones are there, and
        every token that it can have signed expired before that began. Every key before it is one of them too, and the
        last one never is: what follows from the others, the next generation and who signs when, stays as it was.
        """
        found: list[KeyRecord] = []
        for record in self.records:
            gone = max(self.verifies_until(record), self.superseded_at(record)) + record.token_lifetime + self._margin
            newer = len(self.records) - len(found) - 1
            wait = _DAY if newer >= _MOST_KEPT else _YEAR
            if record.private_key is not None or now < gone + wait:
                break
            found.append(record)
        return found

    def changes_after(self, now: float) -> float:
        """The next moment at which something is another way."""
        instants = (
            instant
            for record in self.records
            for instant in (record.signs_at, self.superseded_at(record), self.verifies_until(record))
        )
        return min((instant for instant in instants if instant > now), default=math.inf)

    def next_generation(self) -> int:
        """The one that no key has had."""
        return self.records[-1].generation + 1 if self.records else 1

    def info(self, record: KeyRecord, now: float) -> KeyInfo:
        """What may be told of it."""
        ends = self.superseded_at(record) if record.retired_at is None else record.retired_at
        until = self.verifies_until(record)
        return KeyInfo(
            kid=record.kid,
            purpose=record.purpose,
            algorithm=record.algorithm,
            state=self.state(record, now),
            created_at=record.created_at,
            signs_at=record.signs_at,
            retires_at=None if ends == math.inf else min(ends, self.superseded_at(record)),
            verifies_until=None if until == math.inf else until,
        )


def _superseded(records: Sequence[KeyRecord]) -> dict[int, float]:
    """Generation → when a later one signs."""
    found: dict[int, float] = {}
    earliest = math.inf
    for record in reversed(records):
        found[record.generation] = earliest
        if _has_its_time(record):
            earliest = min(earliest, record.signs_at)
    return found


def _has_its_time(record: KeyRecord) -> bool:
    """Whether it signs some day, or did: not where it was withdrawn before."""
    return record.retired_at is None or record.retired_at > record.signs_at
