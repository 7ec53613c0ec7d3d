"""What administrators do with users."""

from __future__ import annotations

from aiohttp import web

from sentri.accounts.inputs import clean_roles
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Call
from sentri.web.inputs import RolesBody
from sentri.web.outputs import User, UserChanged

__all__ = ["assign_roles"]


async def assign_roles(context: WebContext, call: Call[RolesBody]) -> web.Response:
    roles = clean_roles(context.accounts, call.body.roles)
    user, old = await context.services.assign_roles(user_id=call.path.user_id, roles=roles)
    if old != user.roles:
        await context.tell("on_roles_change", user, old)
    return call.success(UserChanged(User.of(user)), "The roles were assigned.")
