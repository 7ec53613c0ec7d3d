"""Test suites that every implementation of one of sentri's protocols passes: subclass one, give it a fixture."""

from sentri_testing.contracts.idempotency import IdempotencyStoreContract

__all__ = ["IdempotencyStoreContract"]
