"""Keys that are kept in the database, encrypted, and shared by every process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from sentri.clock import Clock
from sentri.errors import ConfigurationError, SentriError
from sentri.keys.encrypting import KeyEncryption
from sentri.keys.holding import HeldKeys
from sentri.keys.keyring import KeyRing, Keys
from sentri.keys.looking import NEVER, Budget, Instant
from sentri.keys.making import KeyMaker
from sentri.keys.news import News
from sentri.keys.polling import Polling
from sentri.keys.records import KeyRecord, KeyStore, Purpose
from sentri.keys.signing import SigningKey
from sentri.keys.snapshot import Moment, Snapshot
from sentri.keys.timeline import KeyInfo, KeyTimes, Timeline
from sentri.telling import Events
from sentri.threads import Threads

__all__ = ["PersistedKeys"]

_PATIENCE: Final = 1.5  # seconds for a look: with the pause before it, less than the five that are promised
_GRACE: Final = 0.25  # seconds for what is new to be decrypted, before what was ended goes without it
_FRESH: Final = 4.5  # seconds after a look in which its keys are trusted: less than the five, for what a request takes
_LONGEST: Final = 5.0  # seconds for a look that requests wait for: what they may wait for the database anyway
_BATCH: Final = 20  # rows that one look deletes
_SEARCHES: Final = 3  # looks for keys that a token names, in …
_SEARCHING: Final = 6.0  # … so many seconds


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
        events: Events,
        logger: logging.Logger,
    ) -> None:
        self.store = store
        self.clock = clock
        self.times = times
        self._maker = maker
        self._encryption = encryption
        self._configured = tuple(configured)
        self.events = events
        self._news = News(events, logger)
        self._looking = Polling(self._look, pause=times.notice, what="reading the signing keys", logger=logger)
        self._worker = Threads("sentri-keys")
        self._life: object | None = None  # from an `open` to the next `close`
        self._turn = asyncio.Lock()
        self._shared: asyncio.Task[None] | None = None
        self._searches = Budget(_SEARCHES, within=_SEARCHING)
        self._seen = NEVER
        self._whole = self._snapshot = self._taken([], HeldKeys())
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

    def is_configured(self, kid: str | None) -> bool:
        """Whether it is a key of the configuration; None stands for the one that signs."""
        if kid is None:
            return bool(self._configured) and self.timeline("access").signing(self.clock()) is None
        return any(key.kid == kid for key in self._configured)

    def was_ended(self, kid: str) -> bool:
        # Whatever the clock says: a key that was ended is refused from the look on that finds it, and never again good.
        return any(record.kid == kid and record.retired_at is not None for record in self._snapshot.records)

    # --- making

    async def make(self, line: Timeline, purpose: Purpose, *, signs_in: float) -> KeyRecord:
        """The key that comes after those, of the algorithm of the one that signs unless somebody stated another."""
        able = line.able
        signing = line.signing(self.clock()) or (able[-1] if able else None) or (line.records or (None,))[-1]
        after = None if signing is None else signing.algorithm
        return await self._maker.make(purpose, line.next_generation(), signs_in=signs_in, after=after)

    def wait_of(self, line: Timeline) -> float:
        """Seconds until a key without a predecessor may sign: processes that have the configured ones alone follow."""
        return self.times.publish_for if self._configured and not line.begun(self.clock()) else 0.0

    # --- life

    async def open(self) -> None:
        """Read the keys if their table is there, and begin to look after them. Raises `CONFIGURATION_ERROR` where
        `key_encryption_secret` does not decrypt those that sign.
        """
        self._life = object()
        self._turn = asyncio.Lock()  # of this event loop
        self._shared = None
        self._moment = None
        if await self.store.ready():
            await self._load()
        self._looking.start()

    async def ready(self) -> None:
        """Make sure that `ring` answers, with keys of the last seconds: after a long outage, or when the machine slept,
        somebody may have ended one. While the database is down it answers with those of the last look.
        """
        if self._moment is not None:
            self._looking.start()
            if not self._seen.was_within(_FRESH, self._now()):
                with suppress(Exception):  # of which the look that is made every so often tells
                    await self._looked()
            return
        if not await self.store.ready():
            raise ConfigurationError(
                "the table sentri_keys is missing, or older than this version: `sentri migrate`, or "
                "await auth.migrate(), makes it"
            )
        await self._load()

    async def close(self) -> None:
        self._life = None  # from here on no look that is under way changes anything
        self._moment = None  # without a look now and then they may be stale: a leaked key among them
        await self._looking.stop()
        shared, self._shared = self._shared, None
        if shared is not None and shared.get_loop() is asyncio.get_running_loop():
            shared.cancel()
            await asyncio.wait((shared,))
        self._worker.close()
        self._maker.close()

    # --- looking

    async def learn(self, kid: object) -> bool:
        """Look at the table for a key that another process made since the last look: a few times in some seconds,
        however many names are invented. A look that is under way costs nothing, but it may have begun too early.
        """
        if not isinstance(kid, str) or self.ring().candidates(kid) or self.was_ended(kid):
            return False
        if self._is_looking:
            await self._looked()
        if not self.ring().candidates(kid) and (self._is_looking or self._searches.spend()):
            await self._looked()
        return bool(self.ring().candidates(kid))

    async def refresh(self) -> None:
        """Look at the table now."""
        await self._read(within=None)

    async def _look(self) -> None:
        if self._moment is not None:
            await self._read(within=_PATIENCE)
            self._news.signs(self._snapshot.stand_in(self.clock()))
            await self._maintain()

    @property
    def _is_looking(self) -> bool:
        return self._shared is not None and not self._shared.done()

    async def _looked(self) -> None:
        """One look for all who ask while it is under way."""
        shared = self._shared
        if shared is None or not self._is_looking:
            shared = self._shared = asyncio.create_task(self._read(within=_LONGEST))
            shared.add_done_callback(_seen)
        await asyncio.wait((shared,))  # unlike `await shared`: who is cancelled does not take it from the others
        if shared.cancelled():  # by `close`
            raise SentriError("SERVICE_UNAVAILABLE", "The server is stopping. Try again later.")
        shared.result()

    async def _read(self, *, within: float | None) -> None:
        life, begun = self._life, self._now()
        records = await self.store.read(within=within)
        if life is not self._life:
            return
        async with self._turn:  # for what is read, not for the reading: a slow answer holds nobody up
            if life is self._life and begun >= self._seen:  # no older answer replaces a newer one
                await self._take(records, life)
                self._seen = begun

    async def _take(self, records: Sequence[KeyRecord], life: object | None) -> None:
        before = self._whole
        if tuple(records) == before.records:
            self._install(before)
            return
        rows = self._taken(records, before.held)
        taking = self._worker.begin(partial(self._held, rows))
        await asyncio.wait((taking,), timeout=_GRACE)
        if life is self._life and not _succeeded(taking):
            self._install(rows)  # what was ended does not wait for what is new
        held = await self._worker.result(taking)
        if life is self._life:
            self._renew(self._taken(records, held))

    async def _load(self) -> None:
        life = self._life
        async with self._turn:
            if self._moment is not None:
                return
            begun, whole = await self._complete()
            if life is not self._life:
                return
            self._renew(whole)
            self._seen = begun
        self._warn()
        await self._reencrypt()
        await self._maintain()

    async def _complete(self) -> tuple[Instant, Snapshot]:
        """The keys, with a first one of each purpose: made once, however many processes start, and never by one that
        cannot decrypt those that are there.
        """
        while True:
            begun = self._now()
            rows = self._taken(await self.store.read(), self._whole.held)
            held = await self._worker.run(partial(self._held, rows))
            _check(rows.to_sign(self.clock()), held)
            missing = [(purpose, rows.timeline(purpose)) for purpose in rows.missing()]
            if not missing:
                return begun, self._taken(rows.records, held)
            made = [await self.make(line, purpose, signs_in=self.wait_of(line)) for purpose, line in missing]
            if await self.store.add(*made):  # all or none: the keys of one process, and so of one secret
                self._news.made(made)

    def _taken(self, records: Sequence[KeyRecord], held: HeldKeys) -> Snapshot:
        return Snapshot(records, held, self._configured, self.times)

    def _held(self, rows: Snapshot) -> HeldKeys:
        now = self.clock()
        return rows.held.renewed(rows.verifying(now), rows.to_sign(now), self._encryption)

    def _renew(self, whole: Snapshot) -> None:
        before, self._whole = self._whole, whole
        self._install(whole)
        self._news.found(before, whole)

    def _install(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._moment = snapshot.at(self.clock())

    def _now(self) -> Instant:
        return Instant.now(self.clock())

    # --- looking after the rows

    def _warn(self) -> None:
        record, maker = self.timeline("access").signing(self.clock()), self._maker
        if record is not None and maker.algorithm_stated and record.algorithm != maker.algorithm.name:
            self._news.another_algorithm(record, maker.algorithm)

    async def _reencrypt(self) -> None:
        """Bring every row under the first secret, so that it is enough from now on."""
        for record in self._snapshot.records:
            if record.private_key is not None:
                text = await self._worker.run(partial(self._encryption.renewed, record))
                if text is not None:
                    await self.store.reencrypt(record.kid, record.private_key, text)

    async def _maintain(self) -> None:
        """What every process does for all: wipe what nobody needs, forget what nobody asks for, and let keys verify as
        long as tokens live.
        """
        now = self.clock()
        for record in self._snapshot.outlived(now)[:_BATCH]:
            await self.store.forget(record.kid)
        for record in self._snapshot.records:
            state = self.timeline(record.purpose).state(record, now)
            if state == "retired" and record.private_key is not None:
                if await self.store.wipe(record.kid):  # one process of all
                    self._news.retired(record)
            elif record.purpose == "access" and state in {"upcoming", "signing"}:
                await self._let_live(record)

    async def _let_live(self, record: KeyRecord) -> None:
        lifetime = self._maker.token_lifetime
        if record.token_lifetime < lifetime and await self.store.raise_lifetime(record.kid, lifetime):
            await self.refresh()


def _check(to_sign: Sequence[str], held: HeldKeys) -> None:
    for kid in to_sign:
        if kid in held.refused:
            raise ConfigurationError(
                f"key_encryption_secret does not decrypt the signing key {kid} of the table sentri_keys, or its row "
                "was changed; give the secret that the key was made with, also as the second of a list"
            )


def _succeeded(done: asyncio.Future[HeldKeys]) -> bool:
    return done.done() and not done.cancelled() and done.exception() is None


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # perhaps nobody waits for it any more
