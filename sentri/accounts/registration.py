"""Making a user."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.identifiers import identifier_key
from sentri.accounts.sessions import auth_user
from sentri.accounts.stores import UserRecord
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.randomness import new_id

__all__ = ["add_user", "new_user", "register", "taken"]


def taken() -> SentriError:
    return SentriError("USER_ALREADY_EXISTS", "A user with this identifier exists already.")


@traced("register")
async def register(context: Context, *, identifier: str, password: str, roles: tuple[str, ...]) -> AuthUser:
    user = await new_user(context, identifier=identifier, password=password, roles=roles)
    await add_user(context, user, "user.registered")
    return auth_user(context, user)


async def new_user(context: Context, *, identifier: str, password: str, roles: tuple[str, ...]) -> UserRecord:
    """A user who can be added. Raises `USER_ALREADY_EXISTS`."""
    key = identifier_key(identifier)
    if await context.users.by_key(key) is not None:  # spares a hash; the unique index decides below
        raise taken()
    return UserRecord(
        id=new_id(),
        identifier=identifier,
        identifier_key=key,
        password_hash=await context.hasher.hash(password),
        roles=roles,
        created_at=context.clock(),
    )


@unbroken
async def add_user(context: Context, user: UserRecord, event: str, *, actor_id: str | None = None) -> None:
    """Add the user, and tell it. Raises `USER_ALREADY_EXISTS`."""
    if not await context.users.add(user):
        raise taken()
    await context.events.tell(event, user_id=user.id, actor_id=actor_id, roles=user.roles)
