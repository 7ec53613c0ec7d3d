"""Every endpoint, one row each. Served by `sentri.web.app`, guarded by `sentri.web.endpoints.serving`, described by
`sentri.web.openapi`.
"""

from __future__ import annotations

from typing import Final

from sentri.web.endpoints import account, publishing, sessions, users
from sentri.web.endpoints.administration_table import ADMINISTRATION, OWN_SESSIONS
from sentri.web.endpoints.endpoint import BodyUse, Endpoint, Needs, publishes_keys
from sentri.web.inputs import (
    IdentifierBody,
    LoginBody,
    LogoutBody,
    PasswordBody,
    RefreshBody,
    RegisterBody,
    RolesBody,
    UserPath,
)
from sentri.web.outputs import JsonWebKeys, LoggedIn, Tokens, User, UserChanged

__all__ = ["ENDPOINTS"]

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        method="POST",
        path="/register",
        handler=account.register,
        summary="Make a user. Issues no tokens.",
        needs=Needs.API_KEY,
        body=RegisterBody,
        status=201,
        data=UserChanged,
        errors=("FORBIDDEN", "INVALID_ROLE", "USER_ALREADY_EXISTS"),
        limited=True,
        hashes=True,
        offered=lambda options: options.registration,
    ),
    Endpoint(
        method="POST",
        path="/login",
        handler=sessions.login,
        summary="Begin a session.",
        body=LoginBody,
        data=LoggedIn,
        errors=("INVALID_CREDENTIALS",),
        sets_cookies=True,
        of_tokens=True,
        limited=True,
        hashes=True,
    ),
    Endpoint(
        method="POST",
        path="/refresh",
        handler=sessions.refresh,
        summary="Rotate the refresh token, for a new access token.",
        body=RefreshBody,
        body_use=BodyUse.WITHOUT_COOKIE,
        data=Tokens,
        errors=("TOKEN_INVALID", "TOKEN_EXPIRED", "UNAUTHORIZED"),
        sets_cookies=True,
        of_tokens=True,
    ),
    Endpoint(
        method="POST",
        path="/logout",
        handler=sessions.logout,
        summary="End the session of every authentic token that the request shows, expired ones too.",
        body=LogoutBody,
        body_use=BodyUse.IF_SENT,
        errors=("TOKEN_INVALID",),
        clears_cookies=True,
        of_tokens=True,
    ),
    Endpoint(
        method="POST",
        path="/logout-all",
        handler=sessions.logout_all,
        summary="End every session of the user.",
        needs=Needs.USER,
        clears_cookies=True,
        of_tokens=True,
    ),
    Endpoint(
        method="GET",
        path="/me",
        handler=account.me,
        summary="The user whom the access token names, as they are now.",
        needs=Needs.USER,
        data=User,
    ),
    Endpoint(
        method="PATCH",
        path="/me/identifier",
        handler=account.change_identifier,
        summary="Change what the user logs in with. Sessions stay.",
        needs=Needs.USER,
        body=IdentifierBody,
        data=UserChanged,
        errors=("INVALID_CREDENTIALS", "REAUTHENTICATION_REQUIRED", "USER_ALREADY_EXISTS", "USER_NOT_FOUND"),
        limited=True,
        hashes=True,
    ),
    Endpoint(
        method="PATCH",
        path="/me/password",
        handler=account.change_password,
        summary="Change the password. Ends every session of the user.",
        needs=Needs.USER,
        body=PasswordBody,
        errors=("INVALID_CREDENTIALS", "USER_NOT_FOUND"),
        clears_cookies=True,
        of_tokens=True,
        limited=True,
        hashes=True,
    ),
    *OWN_SESSIONS,
    *ADMINISTRATION,
    Endpoint(
        method="POST",
        path="/users/{userId}/roles",
        handler=users.assign_roles,
        summary="Give a user roles, beside those that they have.",
        needs=Needs.ADMIN,
        path_type=UserPath,
        body=RolesBody,
        data=UserChanged,
        errors=("INVALID_ROLE", "USER_NOT_FOUND"),
    ),
    Endpoint(
        method="GET",
        path="/keys",
        handler=publishing.keys,
        summary="The public keys that verify the server's tokens, as a JWK set.",
        data=JsonWebKeys,
        bare=True,
        listed=publishes_keys,
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=publishing.openapi,
        summary="This description.",
        data=dict,
        bare=True,
    ),
)
