"""Making a user."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.sessions import auth_user
from sentri.accounts.stores import UserRecord
from sentri.accounts.tracing import traced
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.randomness import new_id

__all__ = ["add_user", "register", "taken"]


def taken() -> SentriError:
    return SentriError("USER_ALREADY_EXISTS", "A user with this identifier exists already.")


@traced("register")
async def register(context: Context, *, identifier: str, password: str, roles: tuple[str, ...]) -> AuthUser:
    user = await add_user(context, identifier=identifier, password=password, roles=roles)
    await context.events.tell("user.registered", user_id=user.id, roles=roles)
    return auth_user(context, user)


async def add_user(context: Context, *, identifier: str, password: str, roles: tuple[str, ...]) -> UserRecord:
    """A new user. Raises `USER_ALREADY_EXISTS`."""
    key = identifier_key(identifier)
    if await context.users.by_key(key) is not None:  # spares a hash; the unique index decides below
        raise taken()
    user = UserRecord(
        id=new_id(),
        identifier=identifier,
        identifier_key=key,
        password_hash=await context.hasher.hash(password),
        roles=roles,
        created_at=context.clock(),
    )
    if not await context.users.add(user):
        raise taken()
    return user
