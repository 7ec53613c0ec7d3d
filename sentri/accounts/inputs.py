"""What a service is given, checked: the same rules for HTTP, for Python and for a replaced service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sentri.accounts.context import Context, ask_validator
from sentri.accounts.identifiers import clean_identifier
from sentri.errors import SentriError
from sentri.tokens.claims import is_canonical_id

__all__ = ["VALIDATIONS", "check_id", "clean_roles", "identifier_to_set", "merged", "password_to_set"]


async def identifier_to_set(context: Context, value: object) -> str:
    """An identifier that may be given to a user."""
    cleaned = clean_identifier(value)
    await ask_validator(context.rules.identifier_validator, cleaned, "identifier")
    return cleaned


async def password_to_set(context: Context, value: object, field: str = "password") -> str:
    """A password that may be set."""
    checked = context.rules.passwords.check_new(value, field)
    await ask_validator(context.rules.password_validator, checked, field)
    return checked


def clean_roles(context: Context, value: object) -> tuple[str, ...]:
    """The roles without repetition, in the order given. Raises `VALIDATION_ERROR` or `INVALID_ROLE`."""
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(role, str) for role in value):
        raise SentriError("VALIDATION_ERROR", "roles: must be a list of role names.")
    if not set(value) <= set(context.rules.valid_roles):
        raise SentriError("INVALID_ROLE", "roles: names a role that does not exist.")
    return merged((), tuple(str.__str__(role) for role in value))


def merged(roles: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Both, each role once, those that were there first."""
    return tuple(dict.fromkeys((*roles, *more)))


def check_id(value: object, field: str) -> str:
    """A UUID in canonical form. Raises `VALIDATION_ERROR` that names the field."""
    if not is_canonical_id(value):
        raise SentriError("VALIDATION_ERROR", f"{field}: must be a UUID in lower case.")
    return str(value)


async def _register(context: Context, identifier: object, password: object, roles: object) -> dict[str, Any]:
    return {
        "identifier": await identifier_to_set(context, identifier),
        "roles": clean_roles(context, roles),
        "password": await password_to_set(context, password),
    }


async def _login(context: Context, identifier: object, password: object) -> dict[str, Any]:
    return {"identifier": clean_identifier(identifier), "password": context.rules.passwords.check(password)}


async def _refresh(_: Context, refresh_token: object) -> dict[str, Any]:
    if not isinstance(refresh_token, str):
        raise SentriError("VALIDATION_ERROR", "refreshToken: must be a string.")
    return {"refresh_token": refresh_token}


async def _logout(_: Context, session_id: object) -> dict[str, Any]:
    return {"session_id": check_id(session_id, "session_id")}


async def _logout_all(_: Context, user_id: object) -> dict[str, Any]:
    return {"user_id": check_id(user_id, "userId")}


async def _assign_roles(context: Context, user_id: object, roles: object) -> dict[str, Any]:
    return {"user_id": check_id(user_id, "userId"), "roles": clean_roles(context, roles)}


async def _change_identifier(context: Context, user_id: object, identifier: object) -> dict[str, Any]:
    return {"user_id": check_id(user_id, "userId"), "identifier": await identifier_to_set(context, identifier)}


async def _change_password(
    context: Context, user_id: object, current_password: object, new_password: object
) -> dict[str, Any]:
    return {
        "user_id": check_id(user_id, "userId"),
        "current_password": context.rules.passwords.check(current_password, "currentPassword"),
        "new_password": await password_to_set(context, new_password, "newPassword"),
    }


Validation = Callable[..., Awaitable[dict[str, Any]]]
VALIDATIONS: Final[Mapping[str, Validation]] = MappingProxyType(
    {
        "register": _register,
        "login": _login,
        "refresh": _refresh,
        "logout": _logout,
        "logout_all": _logout_all,
        "assign_roles": _assign_roles,
        "change_identifier": _change_identifier,
        "change_password": _change_password,
    }
)
"""Service → the check of its arguments, positional after the context; answers with them by name."""
