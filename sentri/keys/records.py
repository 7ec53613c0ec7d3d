"""Keys as they are kept: one row a key, and what is asked of the table that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = ["KeyRecord", "KeyStore", "Purpose"]

Purpose = Literal["access", "refresh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One kept key. Instants are seconds since the Unix epoch.

    Attributes:
        kid: RFC 7638 thumbprint of an access key; a random name of a refresh key.
        purpose: which tokens it signs.
        generation: 1, 2, … of its purpose; no two keys share one, so that whoever inserts first decides every race.
        algorithm: the only one that it signs with.
        public_key: the public JWK; None for a refresh key, which has none.
        private_key: the private JWK in a JWE (`KeyEncryption`); None once it was wiped.
        signs_at: when it begins to sign.
        retired_at: when somebody ended it; None for a key that leaves in its order.
        token_lifetime: seconds, of the longest-lived access token that any process signs with it.
    """

    kid: str
    purpose: Purpose
    generation: int
    algorithm: str
    public_key: Mapping[str, Any] | None
    private_key: str | None = field(repr=False)
    created_at: float
    signs_at: float
    retired_at: float | None
    token_lifetime: float


class KeyStore(Protocol):
    """The table of keys. Every function is one statement or one transaction, safe in any number of processes."""

    async def ready(self) -> bool:
        """Whether the table is there, and as this version knows it."""
        ...

    async def read(self, *, within: float | None = None) -> Sequence[KeyRecord]:
        """All keys. `within` (seconds) is for those who ask again and again: they tell of failures themselves."""
        ...

    async def add(self, *records: KeyRecord) -> bool:
        """Insert the keys, all or none; False when another process has taken a generation of theirs."""
        ...

    async def replace(self, ended: KeyRecord, successor: KeyRecord, *, signing_since: float) -> bool | None:
        """End a key and every later one of its purpose but those that sign `signing_since` then, wipe them, and insert
        `successor`, all at once, as of `successor.created_at`. False when the key was ended already; None when the
        generation is taken.
        """
        ...

    async def withdraw(self, kid: str, now: float) -> bool:
        """End and wipe one key; False when it was ended already."""
        ...

    async def wipe(self, kid: str) -> bool:
        """Forget the private part of a key."""
        ...

    async def forget(self, kid: str) -> bool:
        """Delete one key whose private part is gone; False for one that still has it, or that is not there."""
        ...

    async def reencrypt(self, kid: str, before: str, after: str) -> bool:
        """Write the private part anew, over the very text that was read."""
        ...

    async def raise_lifetime(self, kid: str, seconds: float) -> bool:
        """Let `token_lifetime` be at least so long."""
        ...
