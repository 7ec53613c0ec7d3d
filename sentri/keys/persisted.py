"""Keys that are kept in the database, encrypted, and shared by every process."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Final

from sentri.clock import Clock
from sentri.errors import ConfigurationError
from sentri.keys.encrypting import KeyEncryption
from sentri.keys.holding import HeldKeys
from sentri.keys.keyring import KeyRing, Keys
from sentri.keys.making import KeyMaker
from sentri.keys.polling import Polling
from sentri.keys.records import KeyRecord, KeyStore, Purpose
from sentri.keys.signing import SigningKey
from sentri.keys.snapshot import PURPOSES, Moment, Snapshot
from sentri.keys.timeline import KeyInfo, KeyTimes, Timeline

__all__ = ["PersistedKeys"]

_PATIENCE: Final = 2.0  # seconds for a look: with the pause before it, less than the five that are promised


class PersistedKeys(Keys):
    """The keys of the table, as of the last look at it and of this moment.

    A look every few seconds finds what other processes did. While the database is down the keys of the last look stay,
    and go on from state to state by themselves.

    Args:
        configured: keys of the configuration: they verify along, and sign until the first kept key does.
    """

    def __init__(
        self,
        store: KeyStore,
        encryption: KeyEncryption,
        maker: KeyMaker,
        *,
        configured: Sequence[SigningKey] = (),
        clock: Clock,
        times: KeyTimes,
        logger: logging.Logger,
    ) -> None:
        self.store = store
        self.maker = maker
        self.clock = clock
        self.times = times
        self._encryption = encryption
        self._configured = tuple(configured)
        self._logger = logger
        self._looking = Polling(self._look, pause=times.notice, what="reading the signing keys", logger=logger)
        self._turn = asyncio.Lock()
        self._next_search = -math.inf
        self._snapshot = self._taken([], HeldKeys())
        self._moment: Moment | None = None

    # --- the ring

    def ring(self) -> KeyRing:
        """The keys of this moment. Raises `CONFIGURATION_ERROR` while they were never read."""
        moment = self._moment
        if moment is None:
            raise ConfigurationError(
                "the signing keys are in the database and were not read yet: open the auth object first "
                "(async with auth), or await auth.migrate() where the tables are missing"
            )
        now = self.clock()
        if now >= moment.until:
            moment = self._moment = self._snapshot.at(now)
        return moment.ring

    def timeline(self, purpose: Purpose) -> Timeline:
        """The keys of one purpose as of the last look."""
        return self._snapshot.timeline(purpose)

    def infos(self) -> tuple[KeyInfo, ...]:
        """Every key as of the last look, access keys first, in order of their making."""
        return self._snapshot.infos(self.clock())

    def _taken(self, records: Sequence[KeyRecord], held: HeldKeys) -> Snapshot:
        return Snapshot(records, held, self._configured, self.times)

    # --- life

    async def open(self) -> None:
        """Read the keys if their table is there, and begin to look after them. Raises `CONFIGURATION_ERROR` where
        `key_encryption_secret` does not decrypt those that sign.
        """
        self._turn = asyncio.Lock()  # of this event loop, as the next line's time is
        self._next_search = -math.inf
        self._moment = None
        if await self.store.ready():
            await self._load()
        self._looking.start()

    async def ready(self) -> None:
        if self._moment is None:
            if not await self.store.ready():
                raise ConfigurationError(
                    "the table sentri_keys is missing, or older than this version: `sentri migrate`, or "
                    "await auth.migrate(), makes it"
                )
            await self._load()

    async def close(self) -> None:
        await self._looking.stop()
        self._moment = None  # without a look now and then they may be stale: a leaked key among them

    async def learn(self, kid: object) -> bool:
        """Look at the table for a key that another process made since the last look: at most once in two seconds,
        however many names are invented.
        """
        if not isinstance(kid, str) or self.ring().candidates(kid):
            return False
        now = asyncio.get_running_loop().time()
        if now >= self._next_search:
            self._next_search = now + _PATIENCE
            await self._read(within=_PATIENCE)
        elif self._turn.locked():  # somebody looks just now
            async with self._turn:
                pass
        return bool(self.ring().candidates(kid))

    async def refresh(self) -> None:
        """Look at the table now."""
        await self._read(within=None)

    async def _look(self) -> None:
        if self._moment is not None:
            await self._read(within=_PATIENCE)
            await self._maintain()

    async def _read(self, *, within: float | None) -> None:
        async with self._turn:  # so that no older answer replaces a newer one
            await self._take(await self.store.read(within=within))

    async def _load(self) -> None:
        async with self._turn:
            if self._moment is not None:
                return
            records = await self._complete()
            await self._take(records, strict=True)
        self._warn()
        await self._reencrypt()
        await self._maintain()

    async def _complete(self) -> Sequence[KeyRecord]:
        """The keys, with a first one of each purpose: made once, however many processes start."""
        while True:
            records = await self.store.read()
            missing = [p for p in PURPOSES if not any(r.purpose == p and r.retired_at is None for r in records)]
            if not missing:
                return records
            for purpose in missing:
                generation = self._taken(records, HeldKeys()).timeline(purpose).next_generation()
                waits = self.times.publish_for if self._configured and generation == 1 else 0.0
                await self.store.add(await self.maker.make(purpose, generation, signs_in=waits))

    async def _take(self, records: Sequence[KeyRecord], *, strict: bool = False) -> None:
        now, before = self.clock(), self._snapshot
        if strict or tuple(records) != before.records:
            rows = self._taken(records, HeldKeys())
            to_sign = rows.to_sign(now)
            held = await asyncio.to_thread(before.held.renewed, rows.verifying(now), to_sign, self._encryption)
            if strict:
                _check(to_sign, held)
            self._tell(records, before.held, held)
            self._snapshot = self._taken(records, held)
        self._moment = self._snapshot.at(now)

    def _tell(self, records: Sequence[KeyRecord], before: HeldKeys, taken: HeldKeys) -> None:
        for record in records:
            if record.retired_at is not None and (record.kid in before.verifying or record.kid in before.signing):
                self._logger.warning("the signing key %s was ended: it is refused from now on", record.kid)
        for kid in taken.refused.keys() - before.refused.keys():
            self._logger.error(
                "the signing key %s cannot be used: key_encryption_secret does not decrypt it, or its row was changed; "
                "this process goes on with the keys that it has",
                kid,
            )

    def _warn(self) -> None:
        record = self.timeline("access").signing(self.clock())
        if record is not None and record.algorithm != self.maker.algorithm.name:
            self._logger.warning(
                "the signing key %s is for %s, and algorithm is %s: the next rotation changes to that",
                record.kid,
                record.algorithm,
                self.maker.algorithm.name,
            )

    async def _reencrypt(self) -> None:
        """Bring every row under the first secret, so that it is enough from now on."""
        for record in self._snapshot.records:
            if record.private_key is not None:
                text = await asyncio.to_thread(self._encryption.renewed, record)
                if text is not None:
                    await self.store.reencrypt(record.kid, record.private_key, text)

    async def _maintain(self) -> None:
        """What every process does for all: wipe what nobody needs, and let keys verify as long as tokens live."""
        now = self.clock()
        for record in self._snapshot.records:
            state = self.timeline(record.purpose).state(record, now)
            if state == "retired" and record.private_key is not None:
                await self.store.wipe(record.kid)
            elif record.purpose == "access" and state in {"upcoming", "signing"}:
                await self._let_live(record)

    async def _let_live(self, record: KeyRecord) -> None:
        lifetime = self.maker.token_lifetime
        if record.token_lifetime < lifetime and await self.store.raise_lifetime(record.kid, lifetime):
            await self.refresh()


def _check(to_sign: Sequence[str], held: HeldKeys) -> None:
    for kid in to_sign:
        if kid in held.refused:
            raise ConfigurationError(
                f"key_encryption_secret does not decrypt the signing key {kid} of the table sentri_keys, or its row "
                "was changed; give the secret that the key was made with, also as the second of a list"
            )
