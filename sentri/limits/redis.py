"""Attempts in Redis, counted together by every process."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from sentri.clock import Clock
from sentri.limits.record import AttemptsUnavailable, Limit, Refused
from sentri.redis_scripts import RedisScripts, Script, key_prefix

__all__ = ["RedisAttempts"]

# Each key is a sorted set: attempts by the millisecond in which they were made. The arguments are the attempt and the
# time, then how many and how long for each key. Attempts of the future are of another clock, or of one that was set
# back. The answer is the wait, and the numbers of the keys that are full.
_COUNT: Final = Script("""
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {0} end
local now, answer = tonumber(ARGV[2]), {0}
for i, key in ipairs(KEYS) do
  local most, span = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - span)
  redis.call('ZREMRANGEBYSCORE', key, now + span, '+inf')
  if redis.call('ZCARD', key) >= most then
    local deciding = redis.call('ZRANGE', key, -most, -most, 'WITHSCORES')
    answer[1] = math.max(answer[1], tonumber(deciding[2]) + span - now)
    answer[#answer + 1] = i
  end
end
if #answer > 1 then return answer end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2 * i + 2])
end
return answer
""")
_GIVE_BACK: Final = Script("""
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 1
""")
_RESET: Final = Script("return redis.call('DEL', unpack(KEYS))")


class RedisAttempts:
    """The store of many processes. Implements `Attempts`. Its keys begin with the namespace and hold digests only.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        namespace: what every key begins with.
        clock: the source of time; the processes' clocks should agree to the second.
    """

    def __init__(self, url: str, *, namespace: str, clock: Clock) -> None:
        self._prefix = key_prefix(namespace, "limits")
        self._clock = clock
        self._scripts = RedisScripts(url, failure=AttemptsUnavailable)

    async def count(self, attempt: bytes, limits: Sequence[Limit]) -> Refused | None:
        bounds = [number for limit in limits for number in (limit.most, _milliseconds(limit.span))]
        now = _milliseconds(self._clock())
        found = await self._scripts.run(_COUNT, self._keys(limits), attempt, now, *bounds)
        if not isinstance(found, list) or not all(isinstance(number, int) for number in found):
            raise AttemptsUnavailable("Redis holds something else under these keys")
        wait, *full = found
        return Refused(wait / 1000, frozenset(limits[number - 1] for number in full)) if full else None

    async def give_back(self, attempt: bytes, limits: Collection[Limit]) -> None:
        await self._scripts.run(_GIVE_BACK, self._keys(limits), attempt)

    async def reset(self, limits: Collection[Limit]) -> None:
        await self._scripts.run(_RESET, self._keys(limits))

    async def close(self) -> None:
        await self._scripts.close()

    def _keys(self, limits: Iterable[Limit]) -> list[bytes]:
        return [self._prefix + base64.urlsafe_b64encode(limit.name).rstrip(b"=") for limit in limits]


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
