"""Redis for tests: a pytest plugin. `redis_client`, `namespace`, and `own_redis`, which a test may stop.

Where no Redis runs, its tests are skipped; with SENTRI_TEST_SERVICES=required they fail. SENTRI_TEST_REDIS is its URL.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
import redis

from tests.own_redis import OwnRedis

REDIS = os.environ.get("SENTRI_TEST_REDIS", "redis://127.0.0.1:6379/0")


@pytest.fixture(scope="session")
def _redis() -> Iterator[redis.Redis | str]:
    client = redis.Redis.from_url(REDIS, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        yield f"no Redis runs at {REDIS.rpartition('@')[2]}: {type(error).__name__}"
    else:
        yield client
    client.close()


@pytest.fixture
def redis_client(_redis) -> redis.Redis:
    """A connection of the test's own, to look and to meddle."""
    if isinstance(_redis, str):
        required = os.environ.get("SENTRI_TEST_SERVICES") == "required"
        (pytest.fail if required else pytest.skip)(_redis)
    return _redis


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    """A Redis that the test may stop."""
    started = OwnRedis()
    yield started
    started.stop()


@pytest.fixture
def namespace(redis_client) -> Iterator[str]:
    """What the keys of this test begin with; they are removed."""
    name = f"sentri-test-{os.getpid()}-{secrets.token_hex(4)}"
    yield name
    for key in redis_client.scan_iter(f"{name}:*"):
        redis_client.delete(key)
