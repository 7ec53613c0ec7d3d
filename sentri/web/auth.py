"""What both modes give an application: guards, middlewares, and the user of a request."""

from __future__ import annotations

import logging
import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar, Unpack, overload

from aiohttp import web

from sentri.asking import ask
from sentri.config.idempotency import IdempotencyOptions
from sentri.config.readers import flag
from sentri.config.reading import checked
from sentri.errors import ConfigurationError, SentriError
from sentri.identity import AuthUser
from sentri.telemetry import Telemetry
from sentri.web.bearer import bearer_token, no_token
from sentri.web.bypassed import check_routes, starting_application
from sentri.web.denials import Denials
from sentri.web.errors import ErrorMiddleware, OnUnhandled
from sentri.web.gates import Gate
from sentri.web.guards import Check, Guard, GuardedHandler, Guards
from sentri.web.idempotency import Authority, IdempotencyMiddleware, Treatment
from sentri.web.idempotency_creating import MiddlewareKeywords, middleware_of
from sentri.web.identifying import Authentication, CookieAuthentication
from sentri.web.protecting import ProtectMiddleware, is_public, mark_public
from sentri.web.request_keys import USER, OwnKey, publish

__all__ = ["AUTH", "Auth", "authorize", "current_user", "permit", "protect"]

H = TypeVar("H")


class Auth(ABC):
    """An auth object: guards for handlers, middlewares for applications. Made by `sentri.create_auth`."""

    def __init__(
        self,
        *,
        valid_roles: Collection[str] | None,
        callback_timeout: float,
        logger: logging.Logger,
        denials: Denials,
        telemetry: Telemetry,
    ) -> None:
        self._telemetry = telemetry
        self._denials = denials
        self._valid_roles = None if valid_roles is None else frozenset(valid_roles)
        self._callback_timeout = callback_timeout
        self._logger = logger
        # A key of this object's own: two auth objects in one process never read one another's answers.
        self._memo: OwnKey[Authentication] = OwnKey()
        self._guards = Guards(
            self.identify,
            recall=self.recall,
            check_roles=self.check_roles,
            decide=self.decide,
            judge=lambda _: self,
            denied=self.denied,
        )
        self._protecting: list[ProtectMiddleware] = []
        self._on_unhandled: list[OnUnhandled] = []
        self._idempotency: list[IdempotencyMiddleware] = []
        self._by_cookie: CookieAuthentication | None = None

    # --- guards

    @overload
    def protect(self, handler: GuardedHandler, /) -> GuardedHandler: ...
    @overload
    def protect(self) -> Guard: ...
    def protect(self, handler: Any = None) -> Any:
        """Let only authenticated requests through: `@auth.protect` or `@auth.protect()`.

        For `async def` handlers, `web.View` methods and whole `web.View` classes (with their subclasses). A refused
        request gets 401 (`UNAUTHORIZED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`), or 503 where that can't be told.
        """
        return self._guards.protect() if handler is None else self._guards.protect(handler)

    def authorize(self, *roles: str) -> Guard:
        """Let only users through who have one of the roles: `@auth.authorize("admin", "editor")`.

        Authenticates by itself where no other guard has, so an order mistake opens nothing. Others get 403 `FORBIDDEN`.
        No role at all, or one that is not in `valid_roles`, raises `CONFIGURATION_ERROR` at decoration.
        """
        return self._guards.authorize(*roles)

    @overload
    def permit(self, check: Check, /) -> Guard: ...
    @overload
    def permit(self, *, roles: Collection[str], check: Check) -> Guard: ...
    @overload
    def permit(self, *, check: Check) -> Guard: ...
    def permit(self, *args: Any, **kwargs: Any) -> Guard:
        """Let users through whom `check(request, user)` allows: `@auth.permit(is_owner)`.

        With `roles=[…]` a user who has one of them passes without the check. Authenticates by itself where no other
        guard has. The check is plain or async and answers with a bool; anything else, an exception or a time-out is
        500 `INTERNAL_ERROR`, never a pass.
        """
        return self._guards.permit(*args, **kwargs)

    def public(self, handler: H) -> H:
        """Mark a handler as open to all under `protect_middleware`. A guard on it still guards."""
        marked: H = mark_public(handler, self)
        return marked

    def protect_middleware(self, exclude: Iterable[str] = ()) -> ProtectMiddleware:
        """A middleware that protects the whole application or sub-application that it is installed in.

        Args:
            exclude: routes that stay open, by their exact pattern (`"/files/{name}"`) or as a subtree (`"/docs/*"`),
                with the prefix of a sub-application. An entry that no route has is a `CONFIGURATION_ERROR`.
        """
        middleware = ProtectMiddleware(
            self._guards,
            owner=self,
            is_own=self._is_own,
            exclude=exclude,
            refuse=ErrorMiddleware(self._logger, None).refuse,
        )
        self._protecting.append(middleware)
        return middleware

    def error_middleware(self, on_unhandled: OnUnhandled | None = None) -> ErrorMiddleware:
        """A middleware that answers `SentriError` with the envelope, everywhere in the host application.

        aiohttp's HTTP errors of the host stay its own. Any other exception becomes 500 `INTERNAL_ERROR`, with the
        traceback in the log; `on_unhandled(request, error)` is told, and may return a response to send instead. It is
        told of exceptions inside the auth server's own endpoints too, whose answer stays the envelope.
        """
        middleware = ErrorMiddleware(self._logger, on_unhandled)
        if on_unhandled is not None:
            self._on_unhandled.append(on_unhandled)
        return middleware

    def idempotency_middleware(self, **options: Unpack[MiddlewareKeywords]) -> IdempotencyMiddleware:
        """A middleware that answers repeats of a request that carries a key with its first answer.

        It stands in front of the guards and lets each of them have its say first, once a request. The auth object
        closes it. `redis_url` and `namespace` are those of the server unless they, or a `store`, are given here.

        Args:
            options: docs/idempotent-requests.md has them all.

        Raises:
            SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
        """
        defaults = {} if options.get("store") is not None else self._idempotency_defaults()
        read = IdempotencyOptions.read({**defaults, **options})
        authority = Authority(
            identify=self.identify, treatment=self._treatment, gates=self._own_gates, address=self._address_of
        )
        middleware = middleware_of(read, authority=authority, logger=self._logger)
        self._idempotency.append(middleware)
        return middleware

    def _idempotency_defaults(self) -> Mapping[str, Any]:
        """What the middleware's options are where they are not given."""
        return {}

    def _treatment(self, match: web.UrlMappingMatchInfo) -> Treatment:  # noqa: ARG002 - for those who override it
        """How the answers of the matched endpoint are kept."""
        return Treatment.HOST

    def _address_of(self, request: web.BaseRequest) -> str:
        """Which address a request comes from."""
        return request.remote or ""

    def _own_gates(self, match: web.UrlMappingMatchInfo) -> Iterable[Gate]:  # noqa: ARG002 - as above
        """What this object's own endpoints ask of a request before they do anything."""
        return ()

    def _install(self, app: web.Application, *, idempotency: bool, on_unhandled: OnUnhandled | None) -> None:
        """What `setup` does in both modes. Raises `CONFIGURATION_ERROR` for an application that has an auth object."""
        checked("idempotency", flag, idempotency)
        if AUTH in app:
            raise ConfigurationError("this application has an auth object already")
        errors = self.error_middleware(on_unhandled)
        app[AUTH] = self
        app.middlewares.append(errors)
        if idempotency:
            app.middlewares.append(self.idempotency_middleware())

    async def _close_idempotency(self) -> None:
        """End what the idempotency middlewares still run, and their connections. May be repeated."""
        for middleware in self._idempotency:
            await middleware.close()

    # --- the user of a request

    async def identify(self, request: web.Request) -> AuthUser:
        """The user whom the request's token names, asked once a request. Raises what a guard would refuse it with."""
        known = self._known(request)
        if known is None:
            try:
                known = request[self._memo] = await self._authentication(request)
            except SentriError as error:
                self._telemetry.add("sentri.authentication.failures", 1, {"error.type": error.code})
                raise
        return known.user

    def recall(self, request: web.Request) -> AuthUser | None:  # noqa: ARG002 - for those who can
        """The user of a request, where `identify` would find one without waiting for anybody. None says nothing."""
        return None

    def _known(self, request: web.Request) -> Authentication | None:
        """What was found for this very request: a clone takes the memo along, and may have other headers."""
        known: Authentication | None = request.get(self._memo)
        return known if known is not None and known.request() is request else None

    async def _authentication(self, request: web.Request) -> Authentication:
        token = bearer_token(request)
        if token is not None:  # good or bad, it decides alone
            return Authentication(await self.authenticate(token), token, weakref.ref(request))
        if self._by_cookie is None:
            raise no_token()
        return await self._by_cookie(request)

    async def user(self, request: web.Request) -> AuthUser | None:
        """The user of a request to a page that is open to all; None where there is no good token.

        Raises `SERVICE_UNAVAILABLE` where that can't be told.
        """
        try:
            user = await self.identify(request)
        except SentriError as error:
            if error.status_code != 401:
                raise
            return None
        publish(request, user)
        return user

    async def recheck(self, request: web.Request) -> AuthUser:
        """Ask again, in the middle of a stream or a WebSocket, whether the session still stands.

        The user as they are now. Raises `UNAUTHORIZED` once the session has ended or was revoked, or the user was
        disabled. In server mode the access token's own `exp` is not asked again: it was good when the stream began. In
        client mode, which knows no sessions, the token is all there is: it raises `TOKEN_EXPIRED` at its `exp`.
        """
        known = self._known(request)
        if known is None:
            return await self.identify(request)
        user = await self._recheck(known)
        request[self._memo] = replace(known, user=user)
        publish(request, user)
        return user

    def get_current_access_token(self, request: web.Request) -> str | None:
        """The access token that the request was authenticated with, the new one after a silent refresh; else None."""
        known = self._known(request)
        return None if known is None else known.token

    @abstractmethod
    async def authenticate(self, token: str) -> AuthUser:
        """The user of an access token, after everything that `protect` checks.

        Raises `TOKEN_INVALID`, `TOKEN_EXPIRED`, `UNAUTHORIZED`, or an error of status 503.
        """

    @abstractmethod
    async def _recheck(self, known: Authentication) -> AuthUser: ...

    @abstractmethod
    def _is_own(self, match: web.UrlMappingMatchInfo) -> bool: ...

    def owns(self, route: web.AbstractRoute) -> bool:  # noqa: ARG002 - as above
        """Whether the route is one of this object's own endpoints, which decide themselves whom they answer."""
        return False

    # --- what guards ask

    def check_roles(self, roles: frozenset[str]) -> None:
        """Raises `CONFIGURATION_ERROR` for a role that does not exist."""
        if self._valid_roles is not None and not roles <= self._valid_roles:
            strange = sorted(roles - self._valid_roles)
            raise ConfigurationError(f"a guard names {strange}; valid_roles are {sorted(self._valid_roles)}")

    async def decide(self, check: Check, request: web.Request, user: AuthUser) -> bool:
        """Run a permission check. Raises `INTERNAL_ERROR` unless it answers with a bool in time."""
        try:
            return await ask(check, request, user, within=self._callback_timeout)
        except Exception as error:
            self._logger.exception("The permission check %r gave no answer; the request was refused.", check)
            raise SentriError("INTERNAL_ERROR", "The permission could not be checked.") from error

    async def denied(self, request: web.Request, user: AuthUser, reason: str, roles: frozenset[str]) -> None:
        """Tell that a guard refused the user."""
        await self._denials.tell(request, reason, user, **({"roles": tuple(sorted(roles))} if roles else {}))

    def _check_wiring(self, app: web.Application) -> None:
        """Raises `CONFIGURATION_ERROR` for what would leave open a route that was meant to be guarded.

        Args:
            app: that starts, or one in it.
        """
        for middleware in self._protecting:
            middleware.check_applications()
        check_routes(
            starting_application() or app, (self._guards, _late), is_public=lambda handler: is_public(handler, self)
        )


AUTH: Final[web.AppKey[Auth]] = web.AppKey("sentri.auth", Auth)
"""Where an application keeps its auth object: `app[sentri.AUTH] = auth`, done by `auth.setup(app)`."""


def current_user(request: web.Request) -> AuthUser:
    """The user that the request's guard found.

    Raises `UNAUTHORIZED` where no guard ran, with a line in the log: the handler was meant to be guarded.
    """
    user: AuthUser | None
    try:  # `request.get` takes three times as long
        user = request[USER]
    except KeyError:
        user = None
    if user is None:
        logging.getLogger("sentri").error(
            "current_user() was asked in %s %s, but no guard ran there", request.method, request.match_info.handler
        )
        raise no_token()
    return user


def _auth_of(request: web.Request) -> Auth:
    auth: Auth | None = request.config_dict.get(AUTH)
    if auth is None:
        raise ConfigurationError("a guard of sentri's found no auth object: call auth.setup(app)")
    return auth


async def _identify_late(request: web.Request) -> AuthUser:
    return await _auth_of(request).identify(request)


async def _decide_late(check: Check, request: web.Request, user: AuthUser) -> bool:
    return await _auth_of(request).decide(check, request, user)


async def _denied_late(request: web.Request, user: AuthUser, reason: str, roles: frozenset[str]) -> None:
    await _auth_of(request).denied(request, user, reason, roles)


_late = Guards(
    _identify_late,
    recall=lambda request: _auth_of(request).recall(request),
    check_roles=lambda _: None,
    decide=_decide_late,
    judge=lambda config: config.get(AUTH),
    denied=_denied_late,
    roles_at_request=lambda request, roles: _auth_of(request).check_roles(roles),
)
protect = _late.protect
authorize = _late.authorize
permit = _late.permit
