"""Users and sessions for tests of the stores."""

from sentri.accounts.stores import SessionRecord, UserRecord
from sentri.randomness import new_id, new_jti

NOW = 1_795_422_844.860_813
HASH = "$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def a_user(key="ann@example.com", **changes) -> UserRecord:
    """A user as `register` makes them."""
    fields = {
        "id": new_id(),
        "identifier": key.title(),
        "identifier_key": key,
        "password_hash": HASH,
        "roles": ("user",),
        "created_at": NOW,
        **changes,
    }
    return UserRecord(**fields)


def a_session(user: UserRecord, **changes) -> SessionRecord:
    """A session as a log-in makes it."""
    fields = {
        "id": new_id(),
        "user_id": user.id,
        "created_at": NOW,
        "expires_at": NOW + 100,
        "jti": new_jti(),
        "previous_jti": None,
        "rotated_at": NOW,
        **changes,
    }
    return SessionRecord(**fields)
