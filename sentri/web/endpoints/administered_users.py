"""What admins do with users. What one does not do to oneself is refused here: in Python everything goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from aiohttp import web

from sentri.accounts.administration import creating, deleting, disabling, importing, password_setting, user_list
from sentri.accounts.administration import role_changes as roles_of
from sentri.accounts.administration.records import ImportRefused, UserInfo
from sentri.accounts.inputs import clean_roles, identifier_to_set, password_to_set
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri.web.administration_inputs import CreateUserBody, ImportBody, SetPasswordBody
from sentri.web.administration_outputs import (
    AdministeredUser,
    AdministeredUserChanged,
    AdministeredUsers,
    Imported,
    in_camel_case,
)
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Call
from sentri.web.inputs import RolesBody, given

__all__ = [
    "add_roles",
    "create_user",
    "delete_user",
    "disable_user",
    "enable_user",
    "get_user",
    "import_users",
    "list_users",
    "remove_role",
    "set_password",
    "set_roles",
]

MOST_PASSWORDS: Final = 100
"""In one import. To hash them takes a quarter of a second each, divided by the processors: others wait for an answer
no longer.
"""


async def list_users(context: WebContext, call: Call[None]) -> web.Response:
    query = call.query
    wanted = user_list.user_filter(
        context.accounts,
        search=given(query.search),
        contains=given(query.contains),
        role=given(query.role),
        disabled=given(query.disabled),
    )
    page = await user_list.list_users(context.accounts, wanted=wanted, limit=query.limit, cursor=given(query.cursor))
    return call.success(AdministeredUsers.of(page), "These are users.")


async def create_user(context: WebContext, call: Call[CreateUserBody]) -> web.Response:
    accounts, body = context.accounts, call.body
    user = await creating.create_user(
        accounts,
        identifier=await identifier_to_set(accounts, body.identifier),
        roles=clean_roles(accounts, given(body.roles) or []),
        password=await password_to_set(accounts, body.password),
        actor_id=call.user.id,
    )
    return _about(call, user, "The user was made.")


async def import_users(context: WebContext, call: Call[ImportBody]) -> web.Response:
    body = call.body
    rows = [row.to_dict() for row in body.users]
    if sum("password" in row for row in rows) > MOST_PASSWORDS:
        raise SentriError("VALIDATION_ERROR", f"users: at most {MOST_PASSWORDS} may have a password to be hashed.")
    try:
        report = await importing.import_users(
            context.accounts,
            rows=rows,
            all_or_nothing=body.all_or_nothing,
            existing=body.existing,
            actor_id=call.user.id,
        )
    except ImportRefused as refused:
        raise ImportRefused([replace(row, field=in_camel_case(row.field)) for row in refused.failed]) from None
    return call.success(Imported.of(report), "The users were imported.")


async def get_user(context: WebContext, call: Call[None]) -> web.Response:
    return _about(call, await user_list.get_user(context.accounts, user_id=call.path.user_id), "This is the user.")


async def delete_user(context: WebContext, call: Call[None]) -> web.Response:
    _refuse_own(call, "delete yourself")
    await deleting.delete_user(context.accounts, user_id=call.path.user_id, actor_id=call.user.id)
    return call.success(None, "The user was deleted.")


async def set_password(context: WebContext, call: Call[SetPasswordBody]) -> web.Response:
    """An admin's own is changed with the current one, like everybody's."""
    _refuse_own(call, "set your own password here (PATCH /me/password changes it)")
    password = await password_to_set(context.accounts, call.body.password)
    await password_setting.set_password(
        context.accounts, user_id=call.path.user_id, password=password, actor_id=call.user.id
    )
    await context.tell("on_password_change", call.path.user_id)
    return call.success(None, "The password was set.")


async def set_roles(context: WebContext, call: Call[RolesBody]) -> web.Response:
    return await _change_roles(context, call, roles_of.setting(clean_roles(context.accounts, call.body.roles)))


async def add_roles(context: WebContext, call: Call[RolesBody]) -> web.Response:
    return await _change_roles(context, call, roles_of.adding(clean_roles(context.accounts, call.body.roles)))


async def remove_role(context: WebContext, call: Call[None]) -> web.Response:
    return await _change_roles(context, call, roles_of.removing(clean_roles(context.accounts, [call.path.role])))


async def disable_user(context: WebContext, call: Call[None]) -> web.Response:
    _refuse_own(call, "disable yourself")
    user = await disabling.disable(context.accounts, user_id=call.path.user_id, actor_id=call.user.id)
    return _about(call, user, "The user was disabled.")


async def enable_user(context: WebContext, call: Call[None]) -> web.Response:
    user = await disabling.enable(context.accounts, user_id=call.path.user_id, actor_id=call.user.id)
    return _about(call, user, "The user was enabled.")


async def _change_roles(
    context: WebContext, call: Call[RolesBody] | Call[None], decide: roles_of.Decision
) -> web.Response:
    changed = await roles_of.change_roles(
        context.accounts,
        user_id=call.path.user_id,
        decide=decide,
        actor_id=call.user.id,
        keeping=context.gates.admin_roles if _is_own(call) else (),
    )
    user = changed.user
    if user.roles != changed.before:
        issuer = context.accounts.rules.issuer
        await context.tell(
            "on_roles_change", AuthUser(user.id, user.identifier, user.roles, None, issuer), changed.before
        )
    return _about(call, user, "The roles were changed.")


def _is_own(call: Call[RolesBody] | Call[SetPasswordBody] | Call[None]) -> bool:
    return bool(call.path.user_id == call.user.id)


def _refuse_own(call: Call[SetPasswordBody] | Call[None], deed: str) -> None:
    if _is_own(call):
        raise roles_of.own_account(deed)


def _about(call: Call[RolesBody] | Call[CreateUserBody] | Call[None], user: UserInfo, message: str) -> web.Response:
    return call.success(AdministeredUserChanged(AdministeredUser.of(user)), message)
