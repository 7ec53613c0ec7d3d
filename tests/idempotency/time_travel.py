"""Time that passes for the keys of a test in Redis."""

from __future__ import annotations

import redis


def age(client: redis.Redis, namespace: str, seconds: float) -> None:
    """Make every key of the namespace this much older; those whose time is over are gone."""
    for key in client.scan_iter(f"{namespace}:*", count=1000):
        left = client.pttl(key) - int(seconds * 1000)
        if left > 0:
            client.pexpire(key, left)
        else:
            client.delete(key)
