"""Users and sessions as `register` and a log-in make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.randomness import new_id, new_jti

__all__ = ["HASH", "NOW", "RENEWED", "a_session", "a_user"]

NOW: Final = 1_795_422_844.860_813
HASH: Final = "$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
"""It has the form of a bcrypt hash, and is of no password."""
RENEWED: Final = HASH.replace("$04$", "$05$")


def a_user(key: str = "ann@example.com", **changes: Any) -> UserRecord:
    """A user that no store has."""
    user = UserRecord(
        id=new_id(),
        identifier=key.title(),
        identifier_key=key,
        password_hash=HASH,
        roles=("user",),
        created_at=NOW,
    )
    return replace(user, **changes)


def a_session(user: UserRecord, **changes: Any) -> SessionRecord:
    """A session of the user that begins at `NOW` and lasts for 100 seconds."""
    session = SessionRecord(
        id=new_id(),
        user_id=user.id,
        created_at=NOW,
        expires_at=NOW + 100,
        jti=new_jti(),
        previous_jti=None,
        rotated_at=NOW,
    )
    return replace(session, **changes)
