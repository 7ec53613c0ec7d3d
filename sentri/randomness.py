"""The one source of randomness, so that a test can hold it still."""

from __future__ import annotations

import secrets
import uuid

__all__ = ["fraction", "new_id", "new_jti"]


def fraction() -> float:
    """A random number from 0 to 1, 1 excluded: what would happen everywhere at the same moment is spread by it."""
    return secrets.randbelow(2**32) / 2**32


def new_id() -> str:
    """A random UUID (version 4) in canonical form, for users and sessions."""
    return str(uuid.uuid4())


def new_jti() -> str:
    """128 random bits in base64url, 22 characters: the identifier of one token."""
    return secrets.token_urlsafe(16)


def new_secret() -> bytes:
    """256 random bits, for a MAC key."""
    return secrets.token_bytes(32)
