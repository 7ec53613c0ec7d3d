"""What the flows work with: built once by the composition, the same for every request."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sentri.accounts.purging import Purging
from sentri.accounts.stores import SessionStore, UserStore
from sentri.accounts.unbroken import Unbroken
from sentri.clock import Clock
from sentri.errors import ConfigurationError, SentriError
from sentri.hooks import HookRunner
from sentri.passwords.hashing import PasswordHasher
from sentri.passwords.policy import PasswordPolicy
from sentri.revocation import Revocation
from sentri.telemetry import Telemetry
from sentri.telling import Events
from sentri.tokens.access import AccessTokens
from sentri.tokens.refresh import RefreshTokens

__all__ = ["Context", "Rules"]

Validator = Callable[[str], bool | Awaitable[bool | None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The part of the configuration that flows decide by. Durations in seconds."""

    valid_roles: tuple[str, ...]
    refresh_expires_in: float
    session_expires_in: float
    refresh_leeway: float
    passwords: PasswordPolicy
    max_sessions: int | None = None
    session_details: bool = True
    issuer: str | None = None
    identifier_validator: Validator | None = None
    password_validator: Validator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Stores, tokens, hashing, time, rules."""

    users: UserStore
    sessions: SessionStore
    hasher: PasswordHasher
    access: AccessTokens
    refresh: RefreshTokens
    revocation: Revocation
    hooks: HookRunner
    events: Events
    purging: Purging
    telemetry: Telemetry
    unbroken: Unbroken
    clock: Clock
    rules: Rules
    logger: logging.Logger


async def ask_validator(validator: Validator | None, value: str, field: str) -> None:
    """Let the host's validator refuse the value: by False, or by a `ValueError` whose text the caller may see.

    Raises `VALIDATION_ERROR` that names the field, or the validator's own `SentriError`.
    """
    if validator is None:
        return
    try:
        verdict = validator(value)
        if inspect.isawaitable(verdict):
            verdict = await verdict
    except ValueError as refusal:
        raise _not_accepted(field, str(refusal), value) from None
    except SentriError:
        raise
    except Exception as error:  # noqa: BLE001 - its text may quote the value
        raise RuntimeError(f"the validator of {field} raised {type(error).__name__}") from None
    if verdict is False:
        raise _not_accepted(field, "", value)
    if verdict is not None and verdict is not True:
        raise ConfigurationError(f"the validator of {field} must return a bool or None")


def _not_accepted(field: str, why: str, value: str) -> SentriError:
    """The validator's words, unless they are none or quote the value, as those of `int(value)` do."""
    return SentriError("VALIDATION_ERROR", f"{field}: {why if why and value not in why else 'is not accepted here.'}")
