"""Users and sessions for tests of the stores: those of the contracts."""

from sentri_testing.contracts.records import HASH, NOW, a_session, a_user

__all__ = ["HASH", "NOW", "a_session", "a_user"]
