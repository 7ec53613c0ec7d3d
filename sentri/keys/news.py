"""What is told of the kept keys."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sentri.keys.algorithms import Algorithm
from sentri.keys.records import KeyRecord
from sentri.keys.snapshot import Snapshot
from sentri.keys.telling import tell
from sentri.telling import Events

__all__ = ["News"]


class News:
    """Tells each thing once: what a look found, and who signs in place of whom."""

    def __init__(self, events: Events, logger: logging.Logger) -> None:
        self._tell = events.tell_soon
        self._logger = logger
        self._stood_in_for: str | None = None

    def made(self, records: Sequence[KeyRecord]) -> None:
        """That there are keys where there were none."""
        for record in records:
            self._tell("key.made", kid=record.kid, purpose=record.purpose, algorithm=record.algorithm)

    def retired(self, record: KeyRecord) -> None:
        """That a key has left in its order."""
        self._tell("key.retired", kid=record.kid, purpose=record.purpose)

    def found(self, before: Snapshot, taken: Snapshot) -> None:
        """What is another way than at the look before."""
        for kid in before.held_kids():
            record = taken.record(kid)
            if record is None:
                self._error(
                    "the signing key %s is gone from the table sentri_keys, though nobody ended it: its tokens are "
                    "refused from now on",
                    kid,
                )
            elif record.retired_at is not None:
                self._tell("key.refused", kid=kid, purpose=record.purpose)
        for kid in taken.held.refused.keys() - before.held.refused.keys():
            self._error(
                "the signing key %s cannot be used: key_encryption_secret does not decrypt it, or its row was changed; "
                "this process goes on with the keys that it has",
                kid,
            )

    def signs(self, standing_in: tuple[str, str | None] | None) -> None:
        """Which key signs in place of the one that should, where this process cannot sign with that."""
        if standing_in is None or standing_in[0] == self._stood_in_for:
            return
        self._stood_in_for, other = standing_in
        instead = "it has none to sign with" if other is None else f"it signs with {other} until that is refused"
        self._error("the signing key %s signs by now, and this process cannot use it: %s", self._stood_in_for, instead)

    def another_algorithm(self, record: KeyRecord, algorithm: Algorithm) -> None:
        """That somebody stated another algorithm than that of the key that signs."""
        self._warning(
            "the signing key %s is for %s, and algorithm is %s: the next rotation changes to that",
            record.kid,
            record.algorithm,
            algorithm.name,
        )

    def _error(self, text: str, *arguments: object) -> None:
        tell(self._logger, logging.ERROR, text, *arguments)

    def _warning(self, text: str, *arguments: object) -> None:
        tell(self._logger, logging.WARNING, text, *arguments)
