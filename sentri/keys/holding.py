"""The keys of the rows, taken out of their rows once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from sentri.keys.algorithms import algorithm_named
from sentri.keys.encrypting import KeyEncryption, NotDecrypted
from sentri.keys.records import KeyRecord
from sentri.keys.signing import SigningKey
from sentri.keys.verifying import VerifyingKey

__all__ = ["HeldKeys"]


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """What this process has of the kept keys, by `kid`. Not changed once it is made.

    Attributes:
        verifying: the public halves. A key stays the same object for as long as it verifies.
        signing: the decrypted keys, of those that sign or will.
        refused: the rows whose private part could not be decrypted, or is missing, or whose public half is wrong.
    """

    verifying: Mapping[str, VerifyingKey] = field(default_factory=dict)
    signing: Mapping[str, SigningKey] = field(default_factory=dict, repr=False)
    refused: Mapping[str, KeyRecord] = field(default_factory=dict, repr=False)

    def has(self, kid: str) -> bool:
        """Whether the process has something of the key."""
        return kid in self.verifying or kid in self.signing

    def renewed(self, records: Iterable[KeyRecord], to_sign: Collection[str], encryption: KeyEncryption) -> HeldKeys:
        """What it has after a look at the table. Not for the event loop: it decrypts what it did not have.

        Args:
            records: those that verify. What they do not name is forgotten.
            to_sign: the `kid` of those that sign or will; of others no private part is kept.
            encryption: what decrypts.
        """
        taking = _Taking(self, to_sign, encryption)
        for record in records:
            taking.take(record)
        return HeldKeys(taking.verifying, taking.signing, taking.refused)


class _Taking:
    """One pass over the rows."""

    def __init__(self, before: HeldKeys, to_sign: Collection[str], encryption: KeyEncryption) -> None:
        self.verifying: dict[str, VerifyingKey] = {}
        self.signing: dict[str, SigningKey] = {}
        self.refused: dict[str, KeyRecord] = {}
        self._before = before
        self._to_sign = to_sign
        self._encryption = encryption

    def take(self, record: KeyRecord) -> None:
        kid, public = record.kid, self._before.verifying.get(record.kid)
        key = self._before.signing.get(kid)
        if key is None and (public is None or kid in self._to_sign):
            key = self._decrypted(record)
            if key is None:
                self.refused[kid] = record
        # Who can write to the table, and has not the secret, adds nothing that verifies: a public half is not enough.
        if public is None and key is not None and record.purpose == "access":
            public = _public(record)
            if public is None:
                self.refused[kid] = record
                return
        if public is not None:
            self.verifying[kid] = public
        if key is not None and (kid in self._to_sign or kid in self._before.signing):
            self.signing[kid] = key

    def _decrypted(self, record: KeyRecord) -> SigningKey | None:
        if self._before.refused.get(record.kid) == record:
            return None
        try:
            return self._encryption.decrypt(record)
        except NotDecrypted:
            return None


def _public(record: KeyRecord) -> VerifyingKey | None:
    """The row's public half, if it is the key that the row is named after."""
    algorithm = algorithm_named(record.algorithm)
    if algorithm is None or record.public_key is None:
        return None
    try:
        key = JWKRegistry.import_key(dict(record.public_key), algorithm.key_type)
        if key.is_private or key.thumbprint() != record.kid:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return VerifyingKey(record.kid, algorithm, key)
