"""Where sessions begin, go on and end: login, refresh, logout."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from aiohttp import web

from sentri.accounts.identifiers import clean_identifier
from sentri.errors import SentriError
from sentri.identity import TokenPair
from sentri.tokens.compact import refused
from sentri.web.bearer import bearer_token, no_token
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Call
from sentri.web.envelope import failure
from sentri.web.inputs import LoginBody, LogoutBody, RefreshBody, given
from sentri.web.outputs import LoggedIn, User

__all__ = ["login", "logout", "logout_all", "refresh"]


async def login(context: WebContext, call: Call[LoginBody]) -> web.Response:
    client, identifier = context.clients.of(call.request), clean_identifier(call.body.identifier)
    origin = context.clients.origin_of(call.request)
    try:
        async with await context.limits.login(client, identifier):
            pair = await context.services.login(
                identifier=call.body.identifier, password=call.body.password, origin=origin
            )
    except SentriError as error:
        if error.code == "INVALID_CREDENTIALS":
            await context.tell("on_failed_login", identifier)
        raise
    await context.limits.logged_in(client, pair.user.id)
    await _end_earlier(context, call.request, pair)
    await context.tell("on_login", pair.user)
    tokens = context.carriage.data(pair)
    data = LoggedIn(access_token=tokens.access_token, refresh_token=tokens.refresh_token, user=User.of(pair.user))
    return context.carriage.given(call.success(data, "Logged in."), pair)


async def _end_earlier(context: WebContext, request: web.Request, pair: TokenPair) -> None:
    """End the session whose refresh cookie this login replaces: nobody could end it later."""
    earlier = context.carriage.shown(request)
    if earlier is not None and earlier[1].session_id != pair.user.session_id:
        await context.services.logout(earlier[1].session_id, user_id=earlier[1].user_id, reason="login")


async def refresh(context: WebContext, call: Call[RefreshBody | None]) -> web.Response:
    if call.body is None:
        return await _refresh_by_cookie(context, call)
    pair = await context.services.refresh(refresh_token=call.body.refresh_token)
    return context.carriage.given(call.success(context.carriage.data(pair), "Refreshed."), pair)


async def _refresh_by_cookie(context: WebContext, call: Call[RefreshBody | None]) -> web.Response:
    shown = context.carriage.shown(call.request)
    if shown is None:
        raise refused() if context.carriage.refresh_cookies(call.request) else no_token()
    try:
        pair = await context.services.refresh(refresh_token=shown[0])
    except SentriError as error:
        if error.status_code != HTTPStatus.UNAUTHORIZED:
            raise
        return context.carriage.taken(failure(error))  # the token was authentic, so it is the session that is gone
    return context.carriage.given(call.success(context.carriage.data(pair), "Refreshed."), pair)


async def logout(context: WebContext, call: Call[LogoutBody | None]) -> web.Response:
    """Ends the session of every authentic token that the request shows, expired or rotated too."""
    for session_id, user_id in (await _shown_sessions(context, call)).items():
        ended = await context.services.logout(session_id, user_id=user_id, reason="logout")
        if ended and user_id is not None:
            await context.tell("on_logout", user_id)
    return context.carriage.taken(call.success(None, "Logged out."))


async def _shown_sessions(context: WebContext, call: Call[LogoutBody | None]) -> dict[str, str | None]:
    sessions: dict[str, str | None] = {}
    in_body = None if call.body is None else given(call.body.refresh_token)
    for token in (bearer_token(call.request), in_body):
        if token is not None:
            sessions.update([await _session_of(context, token)])
    for token in context.carriage.cookies(call.request):
        with suppress(SentriError):  # a cookie that says nothing is cleared like any
            sessions.update([await _session_of(context, token)])
    return sessions


async def _session_of(context: WebContext, token: str) -> tuple[str, str | None]:
    """Session and user of an authentic token of either kind. Raises `TOKEN_INVALID`."""
    try:
        refresh = context.accounts.refresh.verify(token, expired_too=True)
    except SentriError:
        user = (await context.verify(token)).user
        if user.session_id is None:
            raise refused() from None
        return user.session_id, user.id
    return refresh.session_id, refresh.user_id


async def logout_all(context: WebContext, call: Call[None]) -> web.Response:
    await context.services.logout_all(user_id=call.user.id)
    await context.tell("on_logout", call.user.id)
    return context.carriage.taken(call.success(None, "Logged out everywhere."))
