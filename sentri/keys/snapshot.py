"""The kept keys as of one look at the table, and the ring that they make at any moment after it."""

from __future__ import annotations

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
        return [record.kid for record in self.verifying(now) if self._signs(record, now)]

    def _signs(self, record: KeyRecord, now: float) -> bool:
        line = self.timeline(record.purpose)
        return now < line.superseded_at(record) or record is line.signing(now)

    def at(self, now: float) -> Moment:
        """The ring of a moment."""
        signing = self._signing(now)
        first = None if signing is None else signing.kid
        held = self.held.verifying
        verifying = [held[record.kid] for record in self._access.verifying(now) if record.kid in held]
        verifying += [key.verifying for key in self._configured if key.kid not in held]
        ring = KeyRing(signing, sorted(verifying, key=lambda key: key.kid != first), self._refresh_keys(now))
        return Moment(ring, min(self._access.changes_after(now), self._refresh.changes_after(now)))

    def _signing(self, now: float) -> SigningKey | None:
        """The key that signs; where this process could not decrypt it, the newest other one that verifies."""
        record = self._access.signing(now)
        otherwise = self._configured[0] if self._configured else None
        if record is None:
            return otherwise
        others = sorted(self._access.verifying(now), key=lambda r: (r.signs_at <= now, r.generation), reverse=True)
        return next((key for r in (record, *others) if (key := self.held.signing.get(r.kid))), otherwise)

    def _refresh_keys(self, now: float) -> list[SigningKey]:
        held = self.held.signing
        kept = [held[record.kid] for record in reversed(self._refresh.verifying(now)) if record.kid in held]
        configured = [key.refresh_key() for key in self._configured]
        return [*configured, *kept] if self._refresh.signing(now) is None else [*kept, *configured]
