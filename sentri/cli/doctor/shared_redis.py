"""What Redis says."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from sentri.cli.doctor.catalogue import Finding
from sentri.cli.doctor.databases import MOST_SKEW
from sentri.config.options import ServerOptions

__all__ = ["redis_findings"]

_TIME: Final = "return redis.call('TIME')"
_MEMORY: Final = "return redis.call('INFO', 'memory')"


class _Silent(Exception):
    """Redis does not answer, or not as it should."""


async def redis_findings(options: ServerOptions) -> AsyncIterator[Finding]:
    """The pitfalls of the Redis that processes share; nothing where there is none."""
    if options.redis_url is None:
        return
    from sentri.redis_scripts import RedisScripts, Script  # noqa: PLC0415 - here alone: without a URL nothing loads it

    scripts = RedisScripts(options.redis_url.url, failure=_Silent)
    try:
        seconds, _ = await scripts.run(Script(_TIME), [])
        if abs(skew := int(seconds) - time.time()) > MOST_SKEW:
            yield Finding(
                "clock-skew", f"The clock of {options.redis_url} differs from this machine's by {skew:+.0f} s."
            )
        memory = _lines(await scripts.run(Script(_MEMORY), []))
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory", "0") != "0" and policy != "noeviction":
            yield Finding(
                "redis-evicts",
                f"{options.redis_url} forgets keys when it is full ({policy}): attempts are forgotten, and a request "
                "with an Idempotency-Key may run twice.",
            )
    except _Silent as silent:
        yield Finding("redis-unreachable", f"{options.redis_url}: {silent}.")
    finally:
        await scripts.close()


def _lines(info: bytes | str) -> dict[str, str]:
    text = info.decode() if isinstance(info, bytes) else info
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
