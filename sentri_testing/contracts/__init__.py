"""Test suites that every implementation of one of sentri's protocols passes: subclass one, give it its fixtures."""

from sentri_testing.contracts.idempotency import IdempotencyStoreContract
from sentri_testing.contracts.sessions import SessionStoreContract
from sentri_testing.contracts.signing_keys import KeyStoreContract
from sentri_testing.contracts.users import UserStoreContract

__all__ = ["IdempotencyStoreContract", "KeyStoreContract", "SessionStoreContract", "UserStoreContract"]
