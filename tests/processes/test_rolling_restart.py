"""A new version with a schema migration takes the place of four processes under load, and no request fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sentri.storage import Database
from tests.cli.conftest import url_of
from tests.processes.rolling import MIGRATION, Deployment, Load, next_version

pytestmark = pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)


@pytest.fixture
def settings(database_options, empty_database_options, shared_redis) -> dict[str, str]:
    return {
        "SENTRI_DATABASE_URL": url_of(replace(empty_database_options, max=4)),
        "SENTRI_KEY_ENCRYPTION_SECRET": "a secret that encrypts keys, of more than 32 bytes",
        "SENTRI_SALT_ROUNDS": "10",
        "SENTRI_REDIS_URL": shared_redis["redis_url"],
        "SENTRI_NAMESPACE": shared_redis["namespace"],
    }


@pytest.fixture
def deployment(settings, tmp_path) -> Deployment:
    return Deployment(settings, tmp_path)


async def applied(options) -> list[str]:
    database = Database(options)
    await database.open()
    rows = await database.call(lambda session: session.rows("SELECT version FROM aerich ORDER BY id"))
    await database.close()
    return [row["version"] for row in rows]


async def test_fails_no_request_and_loses_no_session(deployment, empty_database_options, dialect, tmp_path):
    """The first new process migrates while three old ones serve; at the end an old one comes back, and serves too."""
    new = next_version(tmp_path / "next", dialect)
    async with deployment.running():
        assert MIGRATION not in await applied(empty_database_options)
        load = Load(deployment.balancer.port)
        async with load.running(users=4):
            await load.more(50)
            await deployment.replace(new, lambda: load.more(30))
            assert (await applied(empty_database_options))[-1] == MIGRATION
            old = await deployment.add()
            await load.more(50)
    assert load.failures == []
    assert f"does not know: {MIGRATION}" in old.log.read_text()
    assert min(deployment.balancer.connections.values()) > 5
