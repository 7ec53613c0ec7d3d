"""Keys in Redis, shared by every process."""

from __future__ import annotations

import base64
import math
from typing import Any, Final

import msgspec

from sentri.idempotency.record import Answer, Begun, Finished, Found, InFlight, Scope, StoreUnavailable
from sentri.redis_scripts import RedisScripts, Script, key_prefix

__all__ = ["RedisStore"]

# Values: a state, the owner, the fingerprint; then the answer, if there is one.
_IN_FLIGHT: Final = b"1R"
_ANSWERED: Final = b"1A"
_DONE: Final = b"1D"
_STATE, _OWNER, _FINGERPRINT = slice(0, 2), slice(2, 18), slice(18, 50)
_HEAD: Final = _FINGERPRINT.stop

# A key that is gone (its lease ended, or Redis lost it) is free for whoever still runs it.
_BEGIN: Final = Script("""
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('GET', KEYS[1])
""")
_RENEW: Final = Script("""
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")
_COMPLETE: Final = Script("""
local found = redis.call('GET', KEYS[1])
if found == ARGV[2] then return 1 end
if found and found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
""")
_RELEASE: Final = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")


class RedisStore:
    """The store of many processes. Its keys begin with the namespace and hold digests only; answers are in the clear.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        namespace: what every key begins with.
        ttl: seconds that an answer is kept.
        lease: seconds after which a run that was not renewed is given up.
    """

    def __init__(self, url: str, *, namespace: str, ttl: float, lease: float) -> None:
        self._namespace = namespace
        self._prefix = key_prefix(namespace, "idempotency")
        self._ttl = _milliseconds(ttl)
        self._lease = _milliseconds(lease)
        self._scripts = RedisScripts(url, failure=StoreUnavailable)

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
        await self._scripts.close()

    async def _run(self, script: Script, scope: Scope, *arguments: bytes | int) -> Any:
        key = self._prefix + base64.urlsafe_b64encode(scope.name).rstrip(b"=")
        return await self._scripts.run(script, (key,), *arguments)


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
