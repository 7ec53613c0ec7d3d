"""Setting, adding and removing roles."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sentri.accounts.administration.records import UserInfo, user_info, user_not_found
from sentri.accounts.context import Context
from sentri.accounts.inputs import merged
from sentri.accounts.tracing import traced
from sentri.accounts.unbroken import unbroken
from sentri.errors import SentriError

__all__ = ["RolesChanged", "adding", "change_roles", "own_account", "removing", "setting"]

Decision = Callable[[tuple[str, ...]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RolesChanged:
    """The user as they are now, and the roles that they had before."""

    user: UserInfo
    before: tuple[str, ...]


@traced("change_roles")
@unbroken
async def change_roles(
    context: Context,
    *,
    user_id: str,
    decide: Decision,
    actor_id: str | None,
    keeping: Collection[str] = (),
) -> RolesChanged:
    """Change the roles under a lock: of several changes at once none is lost.

    Who has one of the roles in `keeping` has one afterwards, or nothing happens: raises `OWN_ACCOUNT`.
    """
    before: tuple[str, ...] = ()

    def decided(current: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal before
        before, after = current, decide(current)
        if not set(keeping).isdisjoint(current) and set(keeping).isdisjoint(after):
            raise own_account("take the role of an admin from yourself")
        return after

    user = await context.users.change_roles(user_id, decided)
    if user is None:
        raise user_not_found()
    if user.roles != before:
        about = {"user_id": user_id, "actor_id": actor_id}
        await context.events.tell("roles.changed", **about, before=before, after=user.roles)
    return RolesChanged(user_info(user), before)


def setting(roles: tuple[str, ...]) -> Decision:
    """These, and no others."""
    return lambda _: roles


def adding(roles: tuple[str, ...]) -> Decision:
    """These beside those that are there."""
    return lambda current: merged(current, roles)


def removing(roles: tuple[str, ...]) -> Decision:
    """Those that are there without these."""
    return lambda current: tuple(role for role in current if role not in roles)


def own_account(deed: str) -> SentriError:
    """So that a click in the wrong row locks nobody out, and an administration keeps its last admin."""
    return SentriError("OWN_ACCOUNT", f"You can't {deed}; another admin can.")
