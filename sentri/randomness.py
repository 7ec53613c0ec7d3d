"""The one source of randomness, so that a test can hold it still."""

from __future__ import annotations

import secrets
import uuid

__all__ = ["new_id", "new_jti"]


def new_id() -> str:
    """A random UUID (version 4) in canonical form, for users and sessions."""
    return str(uuid.uuid4())


def new_jti() -> str:
    """128 random bits in base64url, 22 characters: the identifier of one token."""
    return secrets.token_urlsafe(16)
