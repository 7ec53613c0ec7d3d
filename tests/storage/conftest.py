"""The stores over a database, with a clock that stands still."""

import pytest

from sentri.storage import Sessions, Users
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
