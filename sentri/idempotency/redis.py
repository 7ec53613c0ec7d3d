"""Keys in Redis, shared by every process. The only module that imports redis."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError

from sentri.coalescing import Coalescer
from sentri.idempotency.record import Answer, Begun, Finished, Found, InFlight, Scope, StoreUnavailable

__all__ = ["RedisStore"]

_TOGETHER: Final = 50
"""Operations that travel in one round trip at most: an answer has up to `max_body` bytes."""
_PATIENCE: Final = 2.0
"""Seconds that one operation may take, waiting for its round trip included."""

# Values: a state, the owner, the fingerprint; then the answer, if there is one.
_IN_FLIGHT: Final = b"1R"
_ANSWERED: Final = b"1A"
_DONE: Final = b"1D"
_STATE, _OWNER, _FINGERPRINT = slice(0, 2), slice(2, 18), slice(18, 50)
_HEAD: Final = _FINGERPRINT.stop


class _Script:
    """A step that Redis takes as a whole. It is sent once; then its digest stands for it, until Redis forgets it."""

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


# A key that is gone (its lease ended, or Redis lost it) is free for whoever still runs it.
_BEGIN: Final = _Script("""
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('GET', KEYS[1])
""")
_RENEW: Final = _Script("""
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")
_COMPLETE: Final = _Script("""
local found = redis.call('GET', KEYS[1])
if found == ARGV[2] then return 1 end
if found and found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
""")
_RELEASE: Final = _Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One operation of one request."""

    script: _Script
    key: bytes
    arguments: Sequence[bytes | int]


class RedisStore:
    """The store of many processes. Its keys begin with the namespace and hold digests only; answers are in the clear.

    Operations that wait at the same time travel in one round trip, and each round trip waits for the one before: what
    is asked for later happens later, whoever was cancelled meanwhile. One that fails fails alone, unless Redis does.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        namespace: what every key begins with.
        ttl: seconds that an answer is kept.
        lease: seconds after which a run that was not renewed is given up.
    """

    def __init__(self, url: str, *, namespace: str, ttl: float, lease: float) -> None:
        self._url = url
        self._namespace = namespace
        self._prefix = f"{namespace}:idempotency:".encode()
        self._ttl = _milliseconds(ttl)
        self._lease = _milliseconds(lease)
        self._redis: Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._steps: Coalescer[_Step, Any] = Coalescer(
            self._take, failure=_failure, lanes=1, largest=_TOGETHER, timeout=_PATIENCE
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} namespace={self._namespace}>"

    async def begin(self, scope: Scope, fingerprint: bytes, owner: bytes) -> Found:
        ours = _IN_FLIGHT + owner + fingerprint
        value = await self._run(_BEGIN, scope, ours, self._lease)
        return Begun() if value is None or value == ours else _found(value)

    async def renew(self, scope: Scope, fingerprint: bytes, owner: bytes) -> bool:
        return bool(await self._run(_RENEW, scope, _IN_FLIGHT + owner + fingerprint, self._lease))

    async def complete(self, scope: Scope, fingerprint: bytes, owner: bytes, answer: Answer | None) -> bool:
        identity = owner + fingerprint
        finished = _DONE + identity if answer is None else _ANSWERED + identity + msgspec.msgpack.encode(answer)
        return bool(await self._run(_COMPLETE, scope, _IN_FLIGHT + identity, finished, self._ttl))

    async def release(self, scope: Scope, fingerprint: bytes, owner: bytes) -> None:
        await self._run(_RELEASE, scope, _IN_FLIGHT + owner + fingerprint)

    async def close(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None and self._loop is asyncio.get_running_loop():  # those of a loop that is gone are gone
            await redis.aclose()

    async def _run(self, script: _Script, scope: Scope, *arguments: bytes | int) -> Any:
        key = self._prefix + base64.urlsafe_b64encode(scope.name).rstrip(b"=")
        return await self._steps.get(_Step(script, key, arguments))

    async def _take(self, steps: Sequence[_Step]) -> Mapping[_Step, Any]:
        found = await self._sent({step: step.script.known for step in steps})
        unknown = {step: step.script.spelled_out for step, value in found.items() if isinstance(value, NoScriptError)}
        return {**found, **await self._sent(unknown)} if unknown else found

    async def _sent(self, steps: Mapping[_Step, tuple[str, str]]) -> dict[_Step, Any]:
        """What Redis says of each, be it an error."""
        async with self._client().pipeline(transaction=False) as pipeline:
            for step, command in steps.items():
                pipeline.execute_command(*command, 1, step.key, *step.arguments)
            return dict(zip(steps, await pipeline.execute(raise_on_error=False), strict=True))

    def _client(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._redis is None or self._loop is not loop:
            self._loop = loop
            self._redis = _client(self._url)
        return self._redis


def _client(url: str) -> Redis:
    # Every operation may be repeated, so a connection that Redis closed meanwhile costs one more try, and no more. The
    # pool neither waits nor measures time: whoever uses it does both, once.
    retry = Retry(NoBackoff(), 1, supported_errors=(Disconnected,))
    return Redis.from_pool(ConnectionPool.from_url(url, socket_timeout=None, socket_connect_timeout=None, retry=retry))


def _failure(error: Exception) -> StoreUnavailable:
    # Not its text: it may show the address, with a password in it.
    return StoreUnavailable(f"Redis failed with {type(error).__name__}")


def _found(value: object) -> Found:
    if not isinstance(value, bytes) or len(value) < _HEAD:
        raise StoreUnavailable("Redis holds something else under this key")
    fingerprint = value[_FINGERPRINT]
    match value[_STATE]:
        case b"1R":
            return InFlight(fingerprint)
        case b"1D":
            return Finished(fingerprint, None)
        case b"1A":
            return Finished(fingerprint, _answer(value[_HEAD:]))
        case _:
            raise StoreUnavailable("Redis holds something else under this key")


def _answer(packed: bytes) -> Answer:
    try:
        return msgspec.msgpack.decode(packed, type=Answer)
    except msgspec.MsgspecError:
        raise StoreUnavailable("Redis holds something else under this key") from None


def _milliseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))
