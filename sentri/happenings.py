"""The happenings that are told, by name. A name here is a promise: logs and alarms are built on it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["EVENT_HOOKS", "HAPPENINGS", "Happening"]

EVENT_HOOKS: Final = (
    "on_event",
    "on_user_change",
    "on_session_revoked",
    "on_password_rehash",
    "on_reauthentication",
    "on_permission_denied",
    "on_overload",
    "on_keys_change",
)
"""The hooks that are told an `Event`, whoever caused it. The older ones are told what they always were."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What can happen.

    Attributes:
        hook: the hook that is told of it, beside `on_event`.
        meaning: what has happened, in a sentence.
        level: of its record in the log: `WARNING` for what may be an attack.
        reasons: the codes that `Event.reason` may have; none where it is None.
        details: the keys that `Event.details` may have.
    """

    hook: str
    meaning: str
    level: int = logging.INFO
    reasons: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def hook_takes_event(self) -> bool:
        """Whether its hook is called with the event, by whoever tells it; the others by the endpoints."""
        return self.hook in EVENT_HOOKS


_WARNING: Final = logging.WARNING

HAPPENINGS: Final[Mapping[str, Happening]] = MappingProxyType(
    {
        # accounts
        "user.registered": Happening("on_register", "A user registered.", details=("roles",)),
        "user.created": Happening("on_user_change", "An administrator made a user.", details=("roles",)),
        "user.imported": Happening("on_user_change", "Users were imported, together.", details=("users", "roles")),
        "user.disabled": Happening("on_user_change", "A user was disabled: they cannot log in any more."),
        "user.enabled": Happening("on_user_change", "A disabled user may log in again."),
        "user.deleted": Happening("on_user_change", "A user was deleted."),
        "identifier.changed": Happening("on_identifier_change", "A user logs in with another identifier from now on."),
        "roles.changed": Happening(
            "on_roles_change", "A user has other roles from now on.", details=("before", "after")
        ),
        "password.changed": Happening(
            "on_password_change", "A user has another password; every session of theirs ended.", reasons=("admin",)
        ),
        "password.rehashed": Happening(
            "on_password_rehash", "A login brought the stored hash of its password to the configured scheme and cost."
        ),
        # logins and sessions
        "login.succeeded": Happening("on_login", "A session began.", details=("method",)),
        "login.failed": Happening(
            "on_failed_login",
            "An identifier and a password did not let anybody in.",
            _WARNING,
            reasons=("unknown_identifier", "wrong_password", "user_disabled", "changed_meanwhile"),
            details=("identifier",),
        ),
        "session.revoked": Happening(
            "on_session_revoked",
            "A session was ended before its time, or every one of a user's.",
            reasons=(
                *("logout", "logout_all", "login", "max_sessions", "password_changed", "token_reused"),
                *("user", "admin", "user_disabled", "user_deleted"),
            ),
            details=("sessions",),
        ),
        "token.reused": Happening(
            "on_token_reuse",
            "A spent refresh token came back: one of two has stolen it.",
            _WARNING,
            details=("successor_used",),
        ),
        # refusals
        "rate_limit.exceeded": Happening(
            "on_rate_limited",
            "An attempt was one too many, and was refused unseen.",
            _WARNING,
            reasons=("login", "register", "api_key", "account"),
            details=("identifier",),
        ),
        "hashing.overloaded": Happening(
            "on_overload", "A request was refused because too many passwords wait to be checked.", _WARNING
        ),
        "permission.denied": Happening(
            "on_permission_denied",
            "A request was refused for who sent it, or from where.",
            _WARNING,
            reasons=("roles", "check", "admin", "registration_roles", "api_key", "cross_site"),
            details=("roles",),
        ),
        "reauthentication.required": Happening(
            "on_reauthentication", "A login too long ago did not do for what the user wanted."
        ),
        "reauthentication.failed": Happening(
            "on_reauthentication", "A user who is logged in gave a wrong current password.", _WARNING
        ),
        # signing keys, in server mode
        "key.made": Happening(
            "on_keys_change", "A signing key was made where there was none.", details=("kid", "purpose", "algorithm")
        ),
        "key.rotated": Happening(
            "on_keys_change",
            "A signing key was made that follows the one that signs.",
            details=("kid", "purpose", "algorithm", "signs_at"),
        ),
        "key.withdrawn": Happening(
            "on_keys_change", "A signing key was taken back before it signed.", details=("kid", "purpose")
        ),
        "key.retired": Happening(
            "on_keys_change",
            "A signing key has left in its order, and its private part was wiped.",
            details=("kid", "purpose"),
        ),
        "key.ended": Happening(
            "on_keys_change",
            "Somebody ended a signing key at once, as one does with a leaked one.",
            _WARNING,
            details=("kid", "purpose", "successor"),
        ),
        "key.refused": Happening(
            "on_keys_change",
            "This process found that a signing key was ended, and refuses it from now on.",
            _WARNING,
            details=("kid", "purpose"),
        ),
        # keys of the auth server, in client mode
        "keys.changed": Happening(
            "on_keys_change",
            "The auth server publishes other keys than before.",
            details=("key_uri", "added", "removed"),
        ),
        "keys.unreachable": Happening(
            "on_keys_change",
            "The auth server's keys cannot be fetched; it is tried again.",
            _WARNING,
            details=("key_uri", "error"),
        ),
        "keys.reachable": Happening(
            "on_keys_change", "The auth server's keys can be fetched again.", details=("key_uri",)
        ),
    }
)
"""Event → what it means."""
