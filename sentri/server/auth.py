"""Server mode, put together: storage, flows, tokens, endpoints. The only place that knows them all."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from sentri.accounts.administration.sessions import SessionAdministration
from sentri.accounts.administration.users import UserAdministration
from sentri.accounts.facade import Accounts
from sentri.accounts.inputs import check_id
from sentri.clock import Clock
from sentri.config.options import ServerOptions
from sentri.config.readers import mount_prefix
from sentri.config.reading import checked
from sentri.errors import ConfigurationError
from sentri.identity import AuthUser, RefreshClaims, TokenPair
from sentri.keys.facade import ServerKeys
from sentri.keys.keyring import GeneratedKeys, Keys
from sentri.keys.timeline import KeyTimes
from sentri.randomness import new_jti
from sentri.server.mounting import Mount
from sentri.server.opening import Opening
from sentri.server.options import options_for_generated_keys, options_of
from sentri.server.verifying import Verifying
from sentri.server.wiring import (
    context_of,
    cookies_of,
    cross_site_of,
    digests_of,
    events_of,
    gatekeeping_of,
    hooks_of,
    keys_of,
    limits_of,
)
from sentri.storage.database import Database
from sentri.storage.migrating import migrate
from sentri.telemetry import telemetry_of
from sentri.web.app import build_app
from sentri.web.auth import AUTH, Auth
from sentri.web.carriage import Carriage
from sentri.web.carrying_out import CarryingOut
from sentri.web.client_address import Clients
from sentri.web.denials import Denials
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.serving import Served
from sentri.web.endpoints.table import ENDPOINTS
from sentri.web.errors import OnUnhandled, SubApplicationErrors
from sentri.web.gates import Gate
from sentri.web.idempotency import Treatment
from sentri.web.identifying import Authentication, CookieAuthentication
from sentri.web.openapi import describe
from sentri.web.services import Services
from sentri.web.silent_refresh import silent_refresh

__all__ = ["AuthServer", "server_of_options", "server_with_generated_keys"]

_LAST_HASHES: Final = 4.0
"""Seconds after the shutdown begins in which passwords are hashed for those who wait."""


class AuthServer(Auth):
    """An auth server: users, sessions and tokens in a database, endpoints to mount, guards for the host's handlers.

    Made by `sentri.create_auth` or `sentri.create_auth_server`. It serves one application; outside of one,
    `async with auth:` opens and closes it, and `auth.accounts` and `auth.migrate()` open it on first use.

    Args:
        options: what `ServerOptions.read` made of the configuration.
        clock: the source of time for everything that expires, in place of that of the options.
        key_times: how long keys are published, cached and waited for.
        algorithm_stated: whether somebody chose the algorithm; else rotations keep the one that there is.
        database: in place of the one that the options describe.
        keys: in place of those that the options describe.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        clock: Clock | None = None,
        key_times: KeyTimes | None = None,
        algorithm_stated: bool = True,
        database: Database | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._clock = clock = clock or options.clock
        hooks, digests = hooks_of(options), digests_of(options)
        telemetry = telemetry_of(on=options.telemetry)
        self._events = events_of(options, hooks, digests, clock, telemetry)
        self._clients = Clients(options.trusted_proxies, logger=options.logger)
        super().__init__(
            valid_roles=options.valid_roles,
            callback_timeout=options.hook_timeout,
            logger=options.logger,
            denials=Denials(self._events, self._clients),
            telemetry=telemetry,
        )
        self._options = options
        self._key_times = key_times or KeyTimes()
        self._database = database or Database(options.db, logger=options.logger, telemetry=telemetry)
        self._keys = keys or keys_of(
            options,
            self._database,
            clock,
            self._key_times,
            events=self._events,
            algorithm_stated=algorithm_stated,
        )
        self._context = context_of(
            options, self._keys, clock, self._database, hooks=hooks, events=self._events, telemetry=telemetry
        )
        self._limits = limits_of(options, self._context, self._database, digests)
        self._opening = Opening(self._open, self._finish, self._close)
        self._verifying = Verifying(self._context, self._keys, self._use)
        self._accounts = Accounts(self._context, self._use)
        self._users = UserAdministration(self._context, self._use)
        self._sessions = SessionAdministration(self._context, self._use)
        self._server_keys = ServerKeys(self._keys, self._use)
        self._cookies = cookies_of(options, clock)
        self._cross_site = cross_site_of(options, self._cookies, self._denials)
        self._same_site = Gate(self._check_same_site)
        self._services = Services(self._accounts, self._context, options.router or {})
        self._by_cookie = self._cookie_authentication() if self._has_cookies else None
        self._carrying_out = CarryingOut(
            concerns=lambda request: self.owns(request.match_info.route),
            may_stop=self._context.hasher.has_in_line,
            logger=options.logger,
        )
        self._mount = Mount()
        self._last_call: asyncio.TimerHandle | None = None

    @property
    def options(self) -> ServerOptions:
        """How it is configured, every default filled in. Its repr shows no secret; the values themselves are there."""
        return self._options

    def __repr__(self) -> str:
        return f"<AuthServer db={self._options.db.shown} algorithm={self._options.algorithm}>"

    # --- life

    async def __aenter__(self) -> Self:
        await self._opening.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opening.leave()

    async def migrate(self) -> list[str]:
        """Create or upgrade the schema; the names of the migrations that were applied.

        Safe to repeat, and safe when many processes start at once. Raises `SERVICE_UNAVAILABLE` while the database
        does not answer.
        """
        await self._opening.use()
        applied = await migrate(self._database)
        await self._keys.ready()
        return applied

    async def _open(self) -> None:
        await self._database.open()
        try:
            await self._keys.open()
        except BaseException:
            await self._close()
            raise

    async def _use(self) -> None:
        await self._opening.use()
        await self._keys.ready()

    async def _finish(self) -> None:
        await self._close_idempotency()
        await self._carrying_out.close()
        await self._context.unbroken.close()
        await self._context.hooks.close()

    async def _close(self) -> None:
        if self._last_call is not None:
            self._last_call.cancel()
            self._last_call = None
        self._context.hasher.close()
        await self._limits.close()
        await self._context.purging.close()
        await self._keys.close()
        await self._database.close()

    # --- in an application

    def app(self) -> web.Application:
        """The sub-application with the endpoints: `app.add_subapp("/auth", auth.app())`.

        It opens the auth object when the application starts, migrates (`migrate_on_startup`), and closes it at the
        end. A second mount raises `CONFIGURATION_ERROR` at start-up.
        """
        context = self._web_context()
        app = self._mount.add(
            build_app(
                [Served(endpoint, context) for endpoint in ENDPOINTS if endpoint.offered(self._options)],
                SubApplicationErrors(self._logger, self._report, events=self._events, clients=self._clients),
                same_site=self._same_site if self._has_cookies else None,
            )
        )
        app.middlewares.append(self._carrying_out)
        app[AUTH] = self
        app.cleanup_ctx.append(self._serve)
        app.on_shutdown.append(self._flush)
        return app

    def _web_context(self) -> WebContext:
        by_cookie = self._by_cookie
        return WebContext(
            services=self._services,
            accounts=self._context,
            gates=gatekeeping_of(self._options),
            limits=self._limits,
            clients=self._clients,
            denials=self._denials,
            identify=self.identify,
            recheck=self.recheck,
            published=lambda: self._keys.ring().published(),
            keys_max_age=self._key_times.max_age,
            described=self.openapi,
            verify=self._verifying.expired_or_not,
            carriage=Carriage(self._cookies, (lambda _: None) if by_cookie is None else by_cookie.refresh_token),
        )

    def openapi(self, prefix: str = "/auth") -> dict[str, Any]:
        """The OpenAPI 3.1 document of the endpoints as they are configured, mounted under `prefix`; ready for JSON.

        Needs no database. `GET /openapi.json` answers with the same.
        """
        return describe(self._options, prefix)

    def setup(
        self,
        app: web.Application,
        prefix: str = "/auth",
        *,
        idempotency: bool = True,
        on_unhandled: OnUnhandled | None = None,
    ) -> None:
        """Wire everything into an application in one line: the error middleware and, unless `idempotency` is False,
        the idempotency middleware (after the middlewares that are there already), the sub-application under `prefix`,
        and `app[sentri.AUTH]` for guards that are imported.

        Raises `CONFIGURATION_ERROR` for an application that has an auth object, or a prefix that cannot be one.
        """
        checked("prefix", mount_prefix, prefix)
        self._install(app, idempotency=idempotency, on_unhandled=on_unhandled)
        app.add_subapp(prefix, self.app())

    async def _serve(self, app: web.Application) -> AsyncIterator[None]:
        with self._mount.serving(app):
            self._check_wiring(app)
            try:
                async with self:
                    if self._options.migrate_on_startup:
                        await self.migrate()
                    await self._keys.ready()
                    self._warn()
                    yield
            finally:
                await self._close_idempotency()  # again: requests were answered since the shutdown began

    async def _report(self, request: web.Request, error: Exception) -> None:
        for told in self._on_unhandled:
            outcome = told(request, error)
            if inspect.isawaitable(outcome):
                await outcome

    async def _flush(self, _: web.Application) -> None:
        # Here, because the parent's own clean-up, which hooks may need, runs before the sub-application's.
        # Who still waits for a thread when servers cut their connections is refused before that, with 503.
        self._last_call = asyncio.get_running_loop().call_later(_LAST_HASHES, self._context.hasher.close)
        await self._finish()

    async def _check_same_site(self, request: web.Request) -> None:
        await self._cross_site.check(request)

    def _warn(self) -> None:
        if self._options.cookie and self._options.access_cookie and self._options.refresh_leeway == 0:
            self._logger.warning(
                "refresh_leeway is 0: of the parallel requests of a page that are refreshed silently the second counts "
                "as theft and ends the session. Give it some seconds."
            )
        if isinstance(self._keys, GeneratedKeys):
            self._logger.warning(
                "The signing keys live in this process's memory: after a restart, and in a second process, every "
                "token is refused. key_encryption_secret, or SENTRI_KEY_ENCRYPTION_SECRET, keeps them in the database; "
                "create_auth(secret=…), or SENTRI_SECRET, takes one of your own."
            )

    def _idempotency_defaults(self) -> Mapping[str, Any]:
        return {
            "redis_url": self._options.redis_url,
            "namespace": self._options.namespace,
            "clock": self._options.clock,
        }

    def _treatment(self, match: web.UrlMappingMatchInfo) -> Treatment:
        return self._mount.treatment(match)

    def _address_of(self, request: web.BaseRequest) -> str:
        return self._clients.address_of(request)

    def _own_gates(self, match: web.UrlMappingMatchInfo) -> Sequence[Gate]:
        gate = self._mount.gate(match)
        if gate is None:
            return ()
        return (self._same_site, gate) if self._has_cookies else (gate,)

    def _is_own(self, match: web.UrlMappingMatchInfo) -> bool:
        return self._mount.is_own(match)

    def owns(self, route: web.AbstractRoute) -> bool:
        """Whether the route is one of the endpoints that `app()` made. What a host adds to them is the host's."""
        return self._mount.owns(route)

    # --- cookies

    @property
    def _has_cookies(self) -> bool:
        return self._options.cookie is not None or self._options.access_cookie is not None

    def set_cookies(self, response: web.StreamResponse, pair: TokenPair) -> None:
        """Log a browser in: put the tokens of `auth.accounts.start_session` into the configured cookies.

        Raises `CONFIGURATION_ERROR` where no cookie is configured.
        """
        self._check_cookies()
        self._cookies.set(response, pair)

    def clear_cookies(self, response: web.StreamResponse) -> None:
        """Make the browser forget its tokens; the session itself is ended by `auth.accounts.logout`.

        Raises `CONFIGURATION_ERROR` where no cookie is configured.
        """
        self._check_cookies()
        self._cookies.clear(response)

    def _check_cookies(self) -> None:
        if not self._has_cookies:
            raise ConfigurationError("no cookie is configured: give the option cookie or access_cookie")

    def _cookie_authentication(self) -> CookieAuthentication:
        both = self._options.cookie is not None and self._options.access_cookie is not None
        return CookieAuthentication(
            cookies=self._cookies,
            cross_site=self._cross_site,
            verify=self._verifying.expired_or_not,
            is_void=self._verifying.is_of_ended_key,
            verify_refresh=self._verifying.refresh_expired_or_not,
            check=self._verifying.check_session,
            silent=silent_refresh(self._context, self._services, self._use) if both else None,
            clock=self._clock,
        )

    # --- accounts and tokens

    @property
    def accounts(self) -> Accounts:
        """The built-in services as Python functions, for trusted callers."""
        return self._accounts

    @property
    def users(self) -> UserAdministration:
        """Users for those who administer them: listing, making, importing, disabling, deleting."""
        return self._users

    @property
    def sessions(self) -> SessionAdministration:
        """Sessions for those who look after them: listing and revoking."""
        return self._sessions

    @property
    def keys(self) -> ServerKeys:
        """The life of the signing keys that are kept in the database (`key_encryption_secret`)."""
        return self._server_keys

    def authenticate(self, token: str) -> Coroutine[Any, Any, AuthUser]:
        """The user of an access token as they are now, after everything that `protect` checks.

        Raises `TOKEN_INVALID`; `TOKEN_EXPIRED`; `UNAUTHORIZED` for a session that has ended; `SERVICE_UNAVAILABLE`.
        """
        return self._verifying.authenticate(token)  # no coroutine of its own: every protected request comes by

    async def _recheck(self, known: Authentication) -> AuthUser:
        return await self._verifying.recheck(known)

    def sign_access_token(self, user: AuthUser) -> str:
        """An access token for the user and the session that `user.session_id` names.

        `protect` accepts it while that session lives. Raises `VALIDATION_ERROR` for a user without a session, and for
        ids that are no canonical UUIDs.
        """
        check_id(user.id, "id")
        check_id(user.session_id, "session_id")
        return self._context.access.sign(user)[0]

    def sign_refresh_token(self, session_id: str) -> str:
        """A refresh token outside the chain of any session: `verify_refresh_token` reads it, `/refresh` answers it
        with 401 and leaves the session alone. `auth.accounts.start_session` gives tokens that can be refreshed.

        Raises `VALIDATION_ERROR` for an id that is no canonical UUID.
        """
        check_id(session_id, "session_id")
        now = self._clock()
        token, _ = self._context.refresh.sign(
            session_id=session_id,
            user_id=None,
            jti=new_jti(),
            issued_at=now,
            expires_at=now + self._options.refresh_expires_in,
        )
        return token

    def verify_access_token(self, token: str) -> AuthUser:
        """The user that an access token names, by the token alone: whether its session lives is not asked.

        Raises `TOKEN_INVALID`; `TOKEN_EXPIRED` where all but `exp` is right.
        """
        return self._context.access.verify(token).user

    def verify_refresh_token(self, token: str) -> RefreshClaims:
        """What a refresh token says, by the token alone. Raises `TOKEN_INVALID`; `TOKEN_EXPIRED`."""
        return self._context.refresh.verify(token)

    async def hash_password(self, password: str) -> str:
        """The hash of a password, made off the event loop. Raises `VALIDATION_ERROR` for one that may not be set: too
        short, too long or, where the policy says so, too common.
        """
        return await self._context.hasher.hash(self._context.rules.passwords.check_new(password))

    async def verify_password(self, password: str, hashed: str) -> bool:
        """Whether the password is the one that was hashed; False for a malformed hash.

        Raises `VALIDATION_ERROR` for a password of more than 72 bytes in UTF-8, or 1,024 with Argon2id.
        """
        return await self._context.hasher.verify(self._context.rules.passwords.check(password), hashed)


def server_of_options(
    given: Mapping[str, Any], *, clock: Clock | None = None, key_times: KeyTimes | None = None
) -> AuthServer:
    """The server with the keys of its `secret`, or with kept ones. Raises `CONFIGURATION_ERROR` with every finding."""
    return AuthServer(options_of(given), clock=clock, key_times=key_times)


def server_with_generated_keys(
    given: Mapping[str, Any], *, clock: Clock | None = None, key_times: KeyTimes | None = None
) -> AuthServer:
    """The server with RSA-2048 keys of its own. Raises `CONFIGURATION_ERROR` with every finding."""
    options = options_for_generated_keys(given)
    return AuthServer(options, clock=clock, key_times=key_times, algorithm_stated=False)
