"""The endpoints: HTTP in, one service, hooks, envelope out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from sentri.accounts import identifier_change, inputs
from sentri.accounts.context import Context
from sentri.accounts.identifiers import clean_identifier
from sentri.accounts.limits import AccountLimits, Trial
from sentri.errors import SentriError
from sentri.identity import AuthUser, TokenPair
from sentri.tokens.access import AccessClaims
from sentri.tokens.compact import refused
from sentri.web import inputs as bodies
from sentri.web.bearer import bearer_token, no_token
from sentri.web.carriage import Carriage
from sentri.web.client_address import Clients
from sentri.web.denials import Denials
from sentri.web.envelope import failure, success
from sentri.web.gates import Gate
from sentri.web.guards import forbidden
from sentri.web.services import Services

__all__ = ["Endpoints", "Gatekeeping"]

API_KEY_HEADER: Final = "X-Api-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeping:
    """Who may call what: the part of the configuration that the endpoints ask.

    Attributes:
        api_keys: SHA-256 of each API key; empty where registration asks for none.
        reauth_within: seconds since the login; None where a change of identifier asks for nothing.
    """

    api_keys: tuple[bytes, ...]
    registration_roles: frozenset[str]
    admin_roles: frozenset[str]
    reauth_within: float | None


class Endpoints:
    """The handlers of the sub-application.

    Args:
        limits: how often somebody may try.
        clients: which address a request comes from.
        denials: tells of requests that are refused for who sent them.
        identify: who a request comes from; raises what refuses it.
        published: the JWK set of this moment; None where the algorithm has no public keys.
        keys_max_age: seconds that it may be kept.
        verify: what an access token says, by the token alone, expired or not.
        carriage: how tokens travel.
    """

    def __init__(
        self,
        *,
        services: Services,
        context: Context,
        gates: Gatekeeping,
        limits: AccountLimits,
        clients: Clients,
        denials: Denials,
        identify: Callable[[web.Request], Awaitable[AuthUser]],
        published: Callable[[], Mapping[str, Any] | None],
        keys_max_age: float,
        verify: Callable[[str], Awaitable[AccessClaims]],
        carriage: Carriage,
    ) -> None:
        self._services = services
        self._context = context
        self._gates = gates
        self._limits = limits
        self._clients = clients
        self._denials = denials
        self._identified = identify
        self._published = published
        self._keys_max_age = round(keys_max_age)
        self._verify = verify
        self._carriage = carriage
        self._tell = context.hooks.tell
        self.gate = Gate(self._enter)
        # They give tokens or end them: a repeat is a new request, and its answer nothing to keep.
        self.of_tokens = frozenset({self.login, self.refresh, self.logout, self.logout_all, self.change_password})

    async def _enter(self, request: web.Request) -> AuthUser | None:
        """What the matched endpoint asks of a request before it does anything."""
        match request.match_info.handler:
            case self.register:
                self._has_api_key(request)
                return None
            case self.change_identifier:
                return await self._identify(request)
            case self.assign_roles:
                return await self._admin(request)
            case _:
                return None

    async def _identify(self, request: web.Request) -> AuthUser:
        user = await self._identified(request)
        self._context.events.acting(user.id)
        return user

    async def _admin(self, request: web.Request) -> AuthUser:
        user = await self._identify(request)
        if self._gates.admin_roles.isdisjoint(user.roles):
            await self._denials.tell(request, "admin", user)
            raise forbidden()
        return user

    async def register(self, request: web.Request) -> web.Response:
        client = self._clients.of(request)
        try:
            trusted = self._has_api_key(request)
        except SentriError:
            await self._limits.api_key(client)
            await self._denials.tell(request, "api_key")
            raise
        body = await bodies.read_body(request, bodies.RegisterBody)
        roles = inputs.clean_roles(self._context, [] if body.roles is msgspec.UNSET else body.roles)
        if not trusted and not self._gates.registration_roles.issuperset(roles):
            await self._denials.tell(request, "registration_roles", roles=roles)
            raise forbidden()
        async with Trial(None) if trusted else await self._limits.register(client):
            user = await self._services.register(identifier=body.identifier, password=body.password, roles=roles)
        await self._tell("on_register", user)
        return success({"user": user.to_dict()}, "Registered.", status=201)

    def _has_api_key(self, request: web.Request) -> bool:
        """Whether the request shows an API key; where none is configured, nobody does. Raises `UNAUTHORIZED`."""
        if not self._gates.api_keys:
            return False
        shown = hashlib.sha256(request.headers.get(API_KEY_HEADER, "").encode(errors="surrogateescape")).digest()
        matches = [hmac.compare_digest(shown, key) for key in self._gates.api_keys]  # all, whichever matches
        if not any(matches):
            raise SentriError("UNAUTHORIZED", f"A valid {API_KEY_HEADER} header is required.")
        return True

    async def login(self, request: web.Request) -> web.Response:
        body = await bodies.read_body(request, bodies.LoginBody)
        client, identifier = self._clients.of(request), clean_identifier(body.identifier)
        try:
            async with await self._limits.login(client, identifier):
                pair = await self._services.login(identifier=body.identifier, password=body.password)
        except SentriError as error:
            if error.code == "INVALID_CREDENTIALS":
                await self._tell("on_failed_login", identifier)
            raise
        await self._limits.logged_in(client, pair.user.id)
        await self._end_earlier(request, pair)
        await self._tell("on_login", pair.user)
        data = {**self._carriage.data(pair), "user": pair.user.to_dict()}
        return self._carriage.given(success(data, "Logged in."), pair)

    async def _end_earlier(self, request: web.Request, pair: TokenPair) -> None:
        """End the session whose refresh cookie this login replaces: nobody could end it later."""
        earlier = self._carriage.shown(request)
        if earlier is not None and earlier[1].session_id != pair.user.session_id:
            await self._services.logout(earlier[1].session_id, user_id=earlier[1].user_id, reason="login")

    async def refresh(self, request: web.Request) -> web.Response:
        if not self._carriage.has_refresh_cookie:
            body = await bodies.read_body(request, bodies.RefreshBody)
            pair = await self._services.refresh(refresh_token=body.refresh_token)
            return self._carriage.given(success(self._carriage.data(pair), "Refreshed."), pair)
        shown = self._carriage.shown(request)
        if shown is None:
            raise refused() if self._carriage.refresh_cookies(request) else no_token()
        try:
            pair = await self._services.refresh(refresh_token=shown[0])
        except SentriError as error:
            if error.status_code != HTTPStatus.UNAUTHORIZED:
                raise
            return self._carriage.taken(failure(error))  # the token was authentic, so it is the session that is gone
        return self._carriage.given(success(self._carriage.data(pair), "Refreshed."), pair)

    async def logout(self, request: web.Request) -> web.Response:
        """Ends the session of every authentic token that the request shows, expired or rotated too."""
        for session_id, user_id in (await self._shown_sessions(request)).items():
            ended = await self._services.logout(session_id, user_id=user_id, reason="logout")
            if ended and user_id is not None:
                await self._tell("on_logout", user_id)
        return self._carriage.taken(success(None, "Logged out."))

    async def _shown_sessions(self, request: web.Request) -> dict[str, str | None]:
        sessions: dict[str, str | None] = {}
        if (bearer := bearer_token(request)) is not None:
            sessions.update([await self._session_of(bearer)])
        if request.body_exists:
            body = await bodies.read_body(request, bodies.LogoutBody)
            if body.refresh_token is not msgspec.UNSET:
                sessions.update([await self._session_of(body.refresh_token)])
        for token in self._carriage.cookies(request):
            with suppress(SentriError):  # a cookie that says nothing is cleared like any
                sessions.update([await self._session_of(token)])
        return sessions

    async def _session_of(self, token: str) -> tuple[str, str | None]:
        """Session and user of an authentic token of either kind. Raises `TOKEN_INVALID`."""
        try:
            refresh = self._context.refresh.verify(token, expired_too=True)
        except SentriError:
            user = (await self._verify(token)).user
            if user.session_id is None:
                raise refused() from None
            return user.session_id, user.id
        return refresh.session_id, refresh.user_id

    async def logout_all(self, request: web.Request) -> web.Response:
        user = await self._identify(request)
        await self._services.logout_all(user_id=user.id)
        await self._tell("on_logout", user.id)
        return self._carriage.taken(success(None, "Logged out everywhere."))

    async def me(self, request: web.Request) -> web.Response:
        user = await self._identify(request)
        return success(user.to_dict(), "This is you.")

    async def change_identifier(self, request: web.Request) -> web.Response:
        await self.gate.enter(request)
        user = await self._identify(request)
        body = await bodies.read_body(request, bodies.IdentifierBody)
        shown = None if body.current_password is msgspec.UNSET else body.current_password
        async with await self._limits.change_identifier(user.id):
            await identifier_change.reauthenticate(self._context, user, shown, within=self._gates.reauth_within)
            changed = await self._services.change_identifier(user, body.identifier)
        if changed.identifier != user.identifier:
            await self._tell("on_identifier_change", changed, user.identifier)
        return success({"user": changed.to_dict()}, "The identifier was changed.")

    async def change_password(self, request: web.Request) -> web.Response:
        user = await self._identify(request)
        body = await bodies.read_body(request, bodies.PasswordBody)
        async with await self._limits.change_password(user.id):
            await self._services.change_password(
                user_id=user.id, current_password=body.current_password, new_password=body.new_password
            )
        await self._tell("on_password_change", user.id)
        return self._carriage.taken(success(None, "The password was changed. Log in again."))

    async def assign_roles(self, request: web.Request) -> web.Response:
        await self.gate.enter(request)
        user_id = inputs.check_id(request.match_info["userId"], "userId")
        body = await bodies.read_body(request, bodies.RolesBody)
        roles = inputs.clean_roles(self._context, body.roles)
        user, old = await self._services.assign_roles(user_id=user_id, roles=roles)
        if old != user.roles:
            await self._tell("on_roles_change", user, old)
        return success({"user": user.to_dict()}, "The roles were assigned.")

    async def keys(self, request: web.Request) -> web.Response:
        """The JWK set, for everybody: other servers, caches before them, and scripts of any origin."""
        published = self._published()
        if published is None:
            raise SentriError("NOT_FOUND", "This server signs with a shared secret; it publishes no keys.")
        body = msgspec.json.encode(published)
        tag = hashlib.sha256(body).hexdigest()[:32]
        headers = {hdrs.CACHE_CONTROL: f"public, max-age={self._keys_max_age}", hdrs.ETAG: f'"{tag}"'}
        if not _answers_preflights(request):  # else the host tells for itself which origins may read it
            headers |= {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*", hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: "ETag"}
        if any(known.value in {tag, "*"} for known in request.if_none_match or ()):  # weakly: RFC 9110, 13.1.2
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(body=body, headers=headers, content_type="application/json")


def _answers_preflights(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    return resource is not None and any(route.method == hdrs.METH_OPTIONS for route in resource)
