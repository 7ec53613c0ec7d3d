"""A store whose outages are told to the log: once when it fails, and once when it answers again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, get_args

from sentri.idempotency.record import Answer, Found, Scope, Store, StoreUnavailable

__all__ = ["WatchedStore"]

T = TypeVar("T")
_FOUND: Final = get_args(Found)


class WatchedStore:
    """Does what the store does. A flood of requests in an outage is no flood of log lines.

    Whatever it raises is `StoreUnavailable`: a store of the host's own may have mistakes, and no run is lost for one.
    """

    def __init__(self, store: Store, logger: logging.Logger) -> None:
        self._store = store
        self._logger = logger
        self._failing = False

    def __repr__(self) -> str:
        return repr(self._store)

    def begin(self, scope: Scope, fingerprint: bytes, owner: bytes) -> Coroutine[Any, Any, Found]:
        return self._watched(_FOUND, self._store.begin, scope, fingerprint, owner)

    def renew(self, scope: Scope, fingerprint: bytes, owner: bytes) -> Coroutine[Any, Any, bool]:
        return self._watched(bool, self._store.renew, scope, fingerprint, owner)

    def complete(
        self, scope: Scope, fingerprint: bytes, owner: bytes, answer: Answer | None
    ) -> Coroutine[Any, Any, bool]:
        return self._watched(bool, self._store.complete, scope, fingerprint, owner, answer)

    async def release(self, scope: Scope, fingerprint: bytes, owner: bytes) -> None:
        await self._watched(object, self._store.release, scope, fingerprint, owner)

    async def close(self) -> None:
        try:
            await self._store.close()
        except Exception:  # a shutdown has more to end
            self._logger.exception("The idempotency store could not be closed.")

    async def _watched(
        self, expected: type[Any] | tuple[type[Any], ...], operation: Callable[..., Awaitable[T]], *arguments: object
    ) -> T:
        try:
            result = await operation(*arguments)
            if not isinstance(result, expected):  # None, say, would be taken for something that it does not mean
                raise TypeError(f"the idempotency store answered with a {type(result).__name__}")  # noqa: TRY301
        except StoreUnavailable as error:
            if not self._failing:
                self._failing = True
                self._logger.error("The idempotency store fails: %s", error)  # noqa: TRY400 - its traceback says no more
            raise
        except Exception as error:
            if not self._failing:
                self._failing = True
                self._logger.exception("The idempotency store fails.")
            raise StoreUnavailable(f"the store raised {type(error).__name__}") from error
        if self._failing:
            self._failing = False
            self._logger.warning("The idempotency store answers again.")
        return result
