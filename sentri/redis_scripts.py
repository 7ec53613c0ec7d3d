"""Scripts that Redis takes as a whole, for what processes share. The only module that imports redis."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError

from sentri.coalescing import Coalescer

__all__ = ["RedisScripts", "Script", "key_prefix"]

_TOGETHER: Final = 50
"""Runs that travel in one round trip at most: an answer may be large."""
_PATIENCE: Final = 2.0
"""Seconds that one run may take, waiting for its round trip included."""


class Script:
    """A step that Redis takes as a whole. It is sent once; then its digest stands for it, until Redis forgets it.

    It may be run twice, where the answer of the first run got lost: it has to come to the same.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @property
    def known(self) -> tuple[str, str]:
        """The command for a Redis that has heard of it."""
        return "EVALSHA", self._digest

    @property
    def spelled_out(self) -> tuple[str, str]:
        """The command for one that has not."""
        return "EVAL", self._text


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    script: Script
    keys: Sequence[bytes]
    arguments: Sequence[bytes | int]


class RedisScripts:
    """Runs scripts; those that wait at the same time travel in one round trip.

    Each round trip waits for the one before: what is asked for later happens later, whoever was cancelled meanwhile.
    A run that fails fails alone, unless Redis does.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        failure: makes the exception that is raised, of some words without a secret in them.
    """

    def __init__(self, url: str, *, failure: Callable[[str], Exception]) -> None:
        self._url = url
        self._redis: Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Not the error's text: it may show the address, with a password in it.
        self._runs: Coalescer[_Run, Any] = Coalescer(
            self._take,
            failure=lambda error: failure(f"Redis failed with {type(error).__name__}"),
            lanes=1,
            largest=_TOGETHER,
            timeout=_PATIENCE,
        )

    async def run(self, script: Script, keys: Sequence[bytes], *arguments: bytes | int) -> Any:
        """What the script answers with."""
        return await self._runs.get(_Run(script, keys, arguments))

    async def close(self) -> None:
        """Let go of the connections. The next use opens new ones."""
        redis, self._redis = self._redis, None
        if redis is not None and self._loop is asyncio.get_running_loop():  # those of a loop that is gone are gone
            await redis.aclose()

    async def _take(self, runs: Sequence[_Run]) -> Mapping[_Run, Any]:
        found = await self._sent({run: run.script.known for run in runs})
        unknown = {run: run.script.spelled_out for run, value in found.items() if isinstance(value, NoScriptError)}
        return {**found, **await self._sent(unknown)} if unknown else found

    async def _sent(self, runs: Mapping[_Run, tuple[str, str]]) -> dict[_Run, Any]:
        """What Redis says of each, be it an error."""
        async with self._client().pipeline(transaction=False) as pipeline:
            for run, command in runs.items():
                pipeline.execute_command(*command, len(run.keys), *run.keys, *run.arguments)
            return dict(zip(runs, await pipeline.execute(raise_on_error=False), strict=True))

    def _client(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._redis is None or self._loop is not loop:
            self._loop = loop
            self._redis = _client(self._url)
        return self._redis


def key_prefix(namespace: str, purpose: str) -> bytes:
    """What every key of one purpose begins with."""
    return f"{namespace}:{purpose}:".encode()


def _client(url: str) -> Redis:
    # Every script may be repeated, so a connection that Redis closed meanwhile costs one more try, and no more. The
    # pool neither waits nor measures time: whoever uses it does both, once.
    retry = Retry(NoBackoff(), 1, supported_errors=(Disconnected,))
    return Redis.from_pool(ConnectionPool.from_url(url, socket_timeout=None, socket_connect_timeout=None, retry=retry))
