"""The stores over a database, with a clock that stands still."""

import pytest

from sentri.storage import Sessions, Users
from tests.storage.proxy import Proxy
from tests.storage.samples import NOW


class StillClock:
    """Tells `now` until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def users(database) -> Users:
    return Users(database)


@pytest.fixture
def sessions(database, clock) -> Sessions:
    return Sessions(database, clock)


@pytest.fixture
async def proxy(database_options):
    """What stands between sentri and the database server of the test, and can be told to fail."""
    proxy = Proxy(database_options.host, database_options.port)
    await proxy.start()
    yield proxy
    proxy.flow()
    await proxy.stop()
