"""`auth.keys` of a server: the life of its signing keys as Python functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sentri.errors import ConfigurationError
from sentri.keys.keyring import Keys
from sentri.keys.persisted import PersistedKeys
from sentri.keys.rotating import retire, retire_now, rotate
from sentri.keys.timeline import KeyInfo

__all__ = ["ServerKeys"]


class ServerKeys:
    """The kept signing keys, for scripts and for the host's own administration. Callers are trusted.

    Every function raises `CONFIGURATION_ERROR` where the keys are not kept in the database, and `SERVICE_UNAVAILABLE`
    while that does not answer. The first call opens the auth object where it is not open.
    """

    def __init__(self, keys: Keys, ready: Callable[[], Awaitable[None]]) -> None:
        self._keys = keys
        self._ready = ready

    async def rotate(self) -> KeyInfo:
        """Make the key that signs next: published at once, signing after 15 minutes, when every client knows it.

        The one that signs until then verifies until its last token has expired. Where a key is waiting already it is
        answered with that one, so any number of callers make one key.
        """
        return await rotate(await self._kept())

    async def retire(self, kid: str | None = None, *, now: bool = False) -> KeyInfo:
        """End a key, by default the one that signs access tokens; what becomes of it.

        In order, without `now`: one that signs is rotated, one that waits is withdrawn, one that is retiring already
        goes on so. With `now=True`, for a leaked key: it is refused from this moment on, here, and within 5 s in every
        process of the server; waiting keys are withdrawn, and one that began to sign a minute ago; a key that was never
        published signs at once. Of the refresh tokens' key that ends every login.

        Raises `NOT_FOUND` for an unknown `kid`, and `VALIDATION_ERROR` for a key that cannot leave in order, for one of
        the configured `secret`, and for `now=True` without a `kid` within a minute of a change of keys.
        """
        keys = await self._kept()
        return await retire_now(keys, kid) if now else await retire(keys, kid)

    async def list(self) -> tuple[KeyInfo, ...]:
        """Every key that there is or was, in order of their making; those of access tokens first."""
        keys = await self._kept()
        await keys.refresh()
        return keys.infos()

    async def _kept(self) -> PersistedKeys:
        if not isinstance(self._keys, PersistedKeys):
            raise ConfigurationError("key_encryption_secret is required for keys that can be rotated: it keeps them")
        await self._ready()
        return self._keys
