"""`Users` keeps the promises of `UserStore` on every database."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentri.storage import Sessions, Users
from sentri.storage.drivers import driver_for
from sentri_testing.contracts import UserStoreContract


class TestUsers(UserStoreContract):
    @pytest.fixture
    def users(self, database):
        return Users(database)

    @pytest.fixture
    def sessions(self, database, clock):
        return Sessions(database, clock)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(micros=st.integers(0, 4_102_444_800_000_000))
def test_instants_are_exact_to_the_microsecond(micros, dialect):
    """From 1970 to 2100, through each dialect's converter."""
    values = driver_for(dialect).values
    assert round(values.seconds(values.time(micros / 1_000_000)) * 1_000_000) == micros
