"""The kept keys as of one look at the table, and the ring that they make at any moment after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentri.keys.holding import HeldKeys
from sentri.keys.keyring import KeyRing
from sentri.keys.records import KeyRecord, Purpose
from sentri.keys.signing import SigningKey
from sentri.keys.timeline import KeyInfo, KeyTimes, Timeline

__all__ = ["PURPOSES", "Moment", "Snapshot"]

PURPOSES: Final[tuple[Purpose, ...]] = ("access", "refresh")


@dataclass(frozen=True, slots=True)
class Moment:
    """A ring, and the instant from which it is another one."""

    ring: KeyRing
    until: float


class Snapshot:
    """The rows of the table, and what this process holds of them. Not changed once it is made.

    Args:
        configured: keys of the configuration: they verify along, and sign until the first kept key does.
    """

    def __init__(
        self, records: Sequence[KeyRecord], held: HeldKeys, configured: Sequence[SigningKey], times: KeyTimes
    ) -> None:
        self.records = tuple(records)
        self.held = held
        self._configured = tuple(configured)
        self._access, self._refresh = (
            Timeline(records, purpose, times, waits=bool(configured)) for purpose in PURPOSES
        )

    def timeline(self, purpose: Purpose) -> Timeline:
        """The keys of one purpose."""
        return self._access if purpose == "access" else self._refresh

    def infos(self, now: float) -> tuple[KeyInfo, ...]:
        """Every key, access keys first, in order of their making."""
        return tuple(line.info(record, now) for line in (self._access, self._refresh) for record in line.records)

    def verifying(self, now: float) -> list[KeyRecord]:
        """The rows of the keys that verify."""
        return [*self._access.verifying(now), *self._refresh.verifying(now)]

    def to_sign(self, now: float) -> list[str]:
        """The `kid` of each key that signs or will."""
        return [
            record.kid for line in (self._access, self._refresh) for record in line.able if _signs(record, line, now)
        ]

    def outlived(self, now: float) -> list[KeyRecord]:
        """The rows that nobody needs any more."""
        return [*self._access.outlived(now), *self._refresh.outlived(now)]

    def missing(self) -> list[Purpose]:
        """The purposes for which there is no key that could sign, now or later."""
        return [purpose for purpose in PURPOSES if not self.timeline(purpose).able]

    def record(self, kid: str) -> KeyRecord | None:
        """The row of a key."""
        return next((record for record in self.records if record.kid == kid), None)

    def held_kids(self) -> list[str]:
        """The `kid` of each key that this process has something of."""
        return [record.kid for record in self.records if self.held.has(record.kid)]

    def at(self, now: float) -> Moment:
        """The ring of a moment."""
        signing, until = self._signing(now)
        first = None if signing is None else signing.kid
        held = self.held.verifying
        verifying = [held[record.kid] for record in self._access.verifying(now) if record.kid in held]
        verifying += [key.verifying for key in self._configured if key.kid not in held]
        ring = KeyRing(
            signing, sorted(verifying, key=lambda key: key.kid != first), self._refresh_keys(now), signing_until=until
        )
        return Moment(ring, min(self._access.changes_after(now), self._refresh.changes_after(now)))

    def _signing(self, now: float) -> tuple[SigningKey | None, float]:
        """The key that signs, and when it is refused; where this process could not decrypt it, the newest other one
        that verifies.
        """
        record = self._access.signing(now)
        others = sorted(self._access.verifying(now), key=lambda r: (r.signs_at <= now, r.generation), reverse=True)
        for each in () if record is None else (record, *others):
            if each.kid in self.held.signing:
                return self.held.signing[each.kid], self._access.verifies_until(each)
        return (self._configured[0] if self._configured else None), math.inf

    def stand_in(self, now: float) -> tuple[str, str | None] | None:
        """The `kid` that should sign and that this process cannot sign with, and the one that signs in its place."""
        record, signing = self._access.signing(now), self._signing(now)[0]
        if record is None or (signing is not None and signing.kid == record.kid):
            return None
        return record.kid, None if signing is None else signing.kid

    def _refresh_keys(self, now: float) -> list[SigningKey]:
        held = self.held.signing
        kept = [held[record.kid] for record in reversed(self._refresh.verifying(now)) if record.kid in held]
        configured = [key.refresh_key() for key in self._configured]
        return [*configured, *kept] if self._refresh.signing(now) is None else [*kept, *configured]


def _signs(record: KeyRecord, line: Timeline, now: float) -> bool:
    return now < line.superseded_at(record) or record is line.signing(now)
