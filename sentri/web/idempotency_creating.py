"""From options to an idempotency middleware with its store."""

from __future__ import annotations

import logging
from typing import Unpack, cast

from sentri.clock import timer_of
from sentri.config.idempotency import IdempotencyKeywords, IdempotencyOptions
from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.record import LEASE, Store
from sentri.web.idempotency import Authority, IdempotencyMiddleware

__all__ = ["MiddlewareKeywords", "create_idempotency_middleware", "middleware_of"]


class MiddlewareKeywords(IdempotencyKeywords, total=False):
    """With what the configuration, which knows no stores, cannot name the type of."""

    store: Store | None


def create_idempotency_middleware(**options: Unpack[MiddlewareKeywords]) -> IdempotencyMiddleware:
    """An idempotency middleware for any aiohttp application, with or without sentri's auth.

    `app.on_shutdown.append(middleware.close)` ends it. With an auth object use `auth.idempotency_middleware()`.

    Args:
        options: docs/idempotent-requests.md has them all.

    Raises:
        SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
    """
    return middleware_of(IdempotencyOptions.read(options), authority=None, logger=logging.getLogger("sentri"))


def middleware_of(
    options: IdempotencyOptions, *, authority: Authority | None, logger: logging.Logger
) -> IdempotencyMiddleware:
    """The middleware with the store that the options ask for."""
    return IdempotencyMiddleware(options, _store_of(options), authority=authority, logger=logger)


def _store_of(options: IdempotencyOptions) -> Store:
    if options.store is not None:
        return cast("Store", options.store)
    if options.redis_url is None:
        return MemoryStore(
            ttl=options.ttl,
            lease=LEASE,
            max_size=options.max_size,
            max_bytes=options.max_bytes,
            clock=timer_of(options.clock),
        )
    from sentri.idempotency.redis import RedisStore  # noqa: PLC0415 - here alone: without a URL nothing loads redis

    return RedisStore(options.redis_url.url, namespace=options.namespace, ttl=options.ttl, lease=LEASE)
