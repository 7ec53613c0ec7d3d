"""What a user does with their own account: registering, seeing it, changing what they log in with."""

from __future__ import annotations

from aiohttp import web

from sentri.accounts.inputs import clean_roles
from sentri.accounts.limits import Trial
from sentri.accounts.reauthenticating import reauthenticate
from sentri.web.endpoints.admission import has_api_key
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Call
from sentri.web.guards import forbidden
from sentri.web.inputs import IdentifierBody, PasswordBody, RegisterBody, given
from sentri.web.outputs import User, UserChanged

__all__ = ["change_identifier", "change_password", "me", "register"]


async def register(context: WebContext, call: Call[RegisterBody]) -> web.Response:
    client, body = context.clients.of(call.request), call.body
    trusted = has_api_key(context, call.request)
    roles = clean_roles(context.accounts, given(body.roles) or [])
    if not trusted and not context.gates.registration_roles.issuperset(roles):
        await context.denials.tell(call.request, "registration_roles", roles=roles)
        raise forbidden()
    async with Trial(None) if trusted else await context.limits.register(client):
        user = await context.services.register(identifier=body.identifier, password=body.password, roles=roles)
    await context.tell("on_register", user)
    return call.success(UserChanged(User.of(user)), "Registered.")


async def me(_: WebContext, call: Call[None]) -> web.Response:
    return call.success(User.of(call.user), "This is you.")


async def change_identifier(context: WebContext, call: Call[IdentifierBody]) -> web.Response:
    user, body, within = call.user, call.body, context.gates.reauth_within
    async with await context.limits.change_identifier(user.id):
        await reauthenticate(context.accounts, user, given(body.current_password), within=within)
        changed = await context.services.change_identifier(user, body.identifier)
    if changed.identifier != user.identifier:
        await context.tell("on_identifier_change", changed, user.identifier)
    return call.success(UserChanged(User.of(changed)), "The identifier was changed.")


async def change_password(context: WebContext, call: Call[PasswordBody]) -> web.Response:
    user, body = call.user, call.body
    async with await context.limits.change_password(user.id):
        await context.services.change_password(
            user_id=user.id, current_password=body.current_password, new_password=body.new_password
        )
    await context.tell("on_password_change", user.id)
    return context.carriage.taken(call.success(None, "The password was changed. Log in again."))
