"""Users for tests: in memory, and saved in an auth server's database without hashing."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sentri.accounts.context import Context
from sentri.accounts.identifiers import clean_identifier, identifier_key
from sentri.accounts.stores import UserRecord
from sentri.identity import AuthUser
from sentri.randomness import new_id

__all__ = ["PASSWORD", "PASSWORD_HASH", "SavedUser", "add_user", "make_user", "new_identifier", "roles_among"]

PASSWORD: Final = "correct horse"  # noqa: S105 - of users in tests
PASSWORD_HASH: Final = "$2b$04$JbkWeV9mtJcmq0nf8TkfkeGAk0TcB4OAIf8uVojp3CZmfK.6KhqsO"  # noqa: S105 - as above
"""bcrypt, cost 4, as `hashing_cheaply` has it."""


@dataclass(frozen=True, slots=True)
class SavedUser:
    """A user in an auth server's database.

    Attributes:
        id: the UUID, the `sub` of the user's tokens.
        identifier: what they log in with.
        roles: those that they were saved with.
        password: the one that they log in with; not in the repr.
    """

    id: str
    identifier: str
    roles: tuple[str, ...]
    password: str = field(default=PASSWORD, repr=False)

    def auth_user(self, *, session_id: str | None = None, issuer: str | None = None) -> AuthUser:
        """The user as guards find them."""
        return AuthUser(self.id, self.identifier, self.roles, session_id, issuer)


def make_user(
    identifier: str | None = None,
    roles: Iterable[str] = ("user",),
    *,
    id: str | None = None,  # noqa: A002 - AuthUser's name
    session_id: str | None = None,
    issuer: str | None = None,
) -> AuthUser:
    """A user in memory, for code that takes an `AuthUser`: in no database, with an id and an identifier of their own
    unless those are given.

    Raises `ValueError` for roles that are a single string.
    """
    name = clean_identifier(identifier) if identifier is not None else new_identifier()
    return AuthUser(id or new_id(), name, _role_names(roles), session_id, issuer)


def new_identifier() -> str:
    """An identifier that no other user has."""
    return f"user-{secrets.token_hex(6)}"


def roles_among(roles: Iterable[str] | None, valid: Iterable[str] | None) -> tuple[str, ...]:
    """The roles for a new user: those given, else `user` where that is a role.

    Raises `ValueError` for a role that is not in `valid_roles`, or for a single string. `valid` is None where an
    application does not say which roles there are.
    """
    allowed = None if valid is None else tuple(valid)
    if roles is None:
        return ("user",) if allowed is None or "user" in allowed else ()
    given = _role_names(roles)
    strange = [role for role in given if allowed is not None and role not in allowed]
    if strange:
        raise ValueError(
            f"roles has {strange!r}; this auth object's valid_roles are {sorted(allowed or ())!r}. "
            "Give one of those, or add the role to valid_roles"
        )
    return given


async def add_user(
    context: Context, identifier: str | None = None, *, password: str = PASSWORD, roles: Iterable[str] | None = None
) -> SavedUser:
    """Write a user through the store of an open auth server. `PASSWORD` is hashed already, unless the server would
    renew that hash at the first login.

    Raises `ValueError` for roles that the server does not have and an identifier that is taken, and
    `VALIDATION_ERROR` for an identifier or a password that nobody could have.
    """
    name = clean_identifier(identifier) if identifier is not None else new_identifier()
    user = SavedUser(new_id(), name, roles_among(roles, context.rules.valid_roles), password)
    record = UserRecord(
        id=user.id,
        identifier=name,
        identifier_key=identifier_key(name),
        password_hash=await _hash(context, password),
        roles=user.roles,
        created_at=context.clock(),
    )
    if not await context.users.add(record):
        raise ValueError(f"there is a user {name!r} already; give another identifier, or none for a new one each time")
    return user


async def _hash(context: Context, password: str) -> str:
    if password == PASSWORD and not context.hasher.needs_renewal(PASSWORD_HASH):
        return PASSWORD_HASH
    return await context.hasher.hash(context.rules.passwords.check_new(password))


def _role_names(roles: Iterable[str]) -> tuple[str, ...]:
    if isinstance(roles, str):
        raise ValueError(f"roles is the string {roles!r}; give a list, such as [{str(roles)!r}]")  # noqa: TRY004
    return tuple(dict.fromkeys(str(role) for role in roles))
