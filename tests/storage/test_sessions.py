"""`Sessions` keeps the promises of `SessionStore` on every database."""

import pytest

from sentri.storage import Sessions, Users
from sentri_testing.contracts import SessionStoreContract
from sentri_testing.contracts.records import NOW


class TestSessions(SessionStoreContract):
    @pytest.fixture
    def users(self, database):
        return Users(database)

    @pytest.fixture
    def sessions(self, database, clock):
        return Sessions(database, clock)

    @pytest.fixture
    def set_time(self, clock):
        def set_time(now):
            clock.now = now

        return set_time

    @pytest.fixture
    def disable(self, database):
        """Disable a user, as another process would."""
        sql = database.driver.sql("UPDATE sentri_users SET disabled_at = ? WHERE id = ?")

        async def disable(user_id):
            row = (database.driver.values.time(NOW), user_id)
            assert await database.call(lambda session: session.run(sql, *row)) == 1

        return disable
