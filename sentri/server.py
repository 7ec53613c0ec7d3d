"""Server mode, put together: storage, flows, tokens, endpoints. The only place that knows them all."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from sentri.accounts import authenticating
from sentri.accounts.facade import Accounts
from sentri.accounts.inputs import check_id
from sentri.clock import Clock, system_clock
from sentri.config.options import ServerOptions
from sentri.config.readers import mount_prefix
from sentri.config.reading import Wrong
from sentri.errors import ConfigurationError
from sentri.identity import AuthUser, RefreshClaims, TokenPair
from sentri.keys.algorithms import ALGORITHMS, algorithm_named
from sentri.keys.keyring import FixedKeys, GeneratedKeys, Keys
from sentri.keys.signing import findings
from sentri.opening import Opening
from sentri.passwords.policy import check_new_password, check_password
from sentri.randomness import new_jti
from sentri.storage.database import Database
from sentri.storage.migrating import migrate
from sentri.tokens.access import AccessClaims
from sentri.web.app import build_app
from sentri.web.auth import AUTH, Auth
from sentri.web.carriage import Carriage
from sentri.web.cookies import TokenCookies
from sentri.web.errors import OnUnhandled, SubApplicationErrors
from sentri.web.handlers import Endpoints
from sentri.web.identifying import CookieAuthentication
from sentri.web.origin import CrossSite
from sentri.web.services import Services
from sentri.web.silent_refresh import silent_refresh
from sentri.wiring import context_of, gatekeeping_of

__all__ = ["AuthServer", "server_of_options", "server_with_generated_keys"]


class AuthServer(Auth):
    """An auth server: users, sessions and tokens in a database, endpoints to mount, guards for the host's handlers.

    Made by `sentri.create_auth` or `sentri.create_auth_server`. It serves one application; outside of one,
    `async with auth:` opens and closes it, and `auth.accounts` and `auth.migrate()` open it on first use.

    Args:
        options: what `ServerOptions.read` made of the configuration.
        keys: where the signing keys come from.
        clock: the source of time for everything that expires.
    """

    def __init__(self, options: ServerOptions, keys: Keys, *, clock: Clock = system_clock) -> None:
        super().__init__(valid_roles=options.valid_roles, callback_timeout=options.hook_timeout, logger=options.logger)
        self._options = options
        self._keys = keys
        self._clock = clock
        self._database = Database(options.db, logger=options.logger)
        self._context = context_of(options, keys, clock, self._database)
        self._opening = Opening(self._open, self._context.hooks.close, self._close)
        self._accounts = Accounts(self._context, self._opening.use)
        self._cookies = TokenCookies(refresh=options.cookie, access=options.access_cookie, clock=clock)
        self._cross_site = CrossSite(
            trusted=options.trusted_origins or (), secure=self._cookies.secure, proxies=options.trusted_proxies or ()
        )
        self._services = Services(self._accounts, self._context, options.router or {})
        self._by_cookie = self._cookie_authentication() if self._has_cookies else None
        self._own_app: web.Application | None = None
        self._own_routes: frozenset[web.AbstractRoute] = frozenset()
        self._serving = False

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
        return await migrate(self._database)

    async def _open(self) -> None:
        await asyncio.to_thread(self._keys.ring)  # making a key pair takes a while
        await self._database.open()

    async def _close(self) -> None:
        self._context.hasher.close()
        await self._database.close()

    # --- in an application

    def app(self) -> web.Application:
        """The sub-application with the endpoints: `app.add_subapp("/auth", auth.app())`.

        It opens the auth object when the application starts, migrates (`migrate_on_startup`), and closes it at the
        end. A second mount raises `CONFIGURATION_ERROR` at start-up.
        """
        by_cookie = self._by_cookie
        endpoints = Endpoints(
            services=self._services,
            context=self._context,
            gates=gatekeeping_of(self._options),
            identify=self.identify,
            published=lambda: self._keys.ring().published(),
            carriage=Carriage(self._cookies, (lambda _: None) if by_cookie is None else by_cookie.refresh_token),
        )
        errors = SubApplicationErrors(self._logger, self._report)
        app = build_app(
            endpoints,
            errors,
            registration=self._options.registration,
            cross_site=self._cross_site if self._has_cookies else None,
        )
        self._own_routes |= frozenset(app.router.routes())
        app.cleanup_ctx.append(self._serve)
        app.on_shutdown.append(self._flush)
        return app

    def setup(self, app: web.Application, prefix: str = "/auth", *, on_unhandled: OnUnhandled | None = None) -> None:
        """Wire everything into an application in one line: the error middleware (after the middlewares that are there
        already), the sub-application under `prefix`, and `app[sentri.AUTH]` for guards that are imported.

        Raises `CONFIGURATION_ERROR` for an application that has an auth object, or a prefix that cannot be one.
        """
        try:
            mount_prefix(prefix)
        except Wrong as wrong:
            raise ConfigurationError(f"prefix {wrong}") from None
        if AUTH in app:
            raise ConfigurationError("this application has an auth object already")
        app[AUTH] = self
        app.middlewares.append(self.error_middleware(on_unhandled))
        app.add_subapp(prefix, self.app())

    async def _serve(self, app: web.Application) -> AsyncIterator[None]:
        if self._serving:
            raise ConfigurationError("this auth object is mounted already; one auth object serves one application")
        self._serving = True
        self._own_app = app
        try:
            self._check_middlewares()
            async with self:
                if self._options.migrate_on_startup:
                    await self.migrate()
                self._warn()
                yield
        finally:
            self._own_app = None
            self._serving = False

    async def _report(self, request: web.Request, error: Exception) -> None:
        for told in self._on_unhandled:
            outcome = told(request, error)
            if inspect.isawaitable(outcome):
                await outcome

    async def _flush(self, _: web.Application) -> None:
        # Here, because the parent's own clean-up, which hooks may need, runs before the sub-application's.
        await self._context.hooks.close()

    def _warn(self) -> None:
        if self._options.cookie and self._options.access_cookie and self._options.refresh_leeway == 0:
            self._logger.warning(
                "refresh_leeway is 0: of the parallel requests of a page that are refreshed silently the second counts "
                "as theft and ends the session. Give it some seconds."
            )
        if isinstance(self._keys, GeneratedKeys):
            self._logger.warning(
                "The signing keys live in this process's memory: after a restart, and in a second process, every "
                "token is refused. A secret of your own keeps them: create_auth(secret=…), or SENTRI_SECRET."
            )

    def _is_own(self, match: web.UrlMappingMatchInfo) -> bool:
        """Whether it is one of our endpoints, or nothing at all below our mount point. What a host adds to our
        application is the host's.
        """
        if match.http_exception is not None:
            return match.apps[-1] is self._own_app
        return match.route in self._own_routes

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
            verify=self._verify_expired_or_not,
            verify_refresh=self._verify_refresh_expired_or_not,
            check=self._recheck,
            silent=silent_refresh(self._context, self._services, self._opening.use) if both else None,
            clock=self._clock,
        )

    async def _verify_expired_or_not(self, token: str) -> AccessClaims:
        return self._context.access.verify(token, expired_too=True)

    def _verify_refresh_expired_or_not(self, token: str) -> RefreshClaims:
        return self._context.refresh.verify(token, expired_too=True)

    # --- accounts and tokens

    @property
    def accounts(self) -> Accounts:
        """The built-in services as Python functions, for trusted callers."""
        return self._accounts

    async def authenticate(self, token: str) -> AuthUser:
        """The user of an access token as they are now, after everything that `protect` checks.

        Raises `TOKEN_INVALID`; `TOKEN_EXPIRED`; `UNAUTHORIZED` for a session that has ended; `SERVICE_UNAVAILABLE`.
        """
        await self._opening.use()
        return await authenticating.authenticate(self._context, token)

    async def _recheck(self, user: AuthUser) -> AuthUser:
        await self._opening.use()
        return await authenticating.check_session(self._context, user)

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
        """The bcrypt hash of a password, made off the event loop. Raises `VALIDATION_ERROR` for one that may not be
        set: shorter than 8 characters, or longer than 72 bytes in UTF-8.
        """
        return await self._context.hasher.hash(check_new_password(password))

    async def verify_password(self, password: str, hashed: str) -> bool:
        """Whether the password is the one that was hashed; False for a malformed hash.

        Raises `VALIDATION_ERROR` for a password of more than 72 bytes in UTF-8.
        """
        return await self._context.hasher.verify(check_password(password), hashed)


def server_of_options(given: Mapping[str, Any], *, clock: Clock = system_clock) -> AuthServer:
    """The server with the keys of its `secret`. Raises `CONFIGURATION_ERROR` with every finding."""
    options = ServerOptions.read(given, _required_secret, _key_findings)
    algorithm = algorithm_named(options.algorithm)
    if algorithm is None or options.secret is None:
        raise ConfigurationError("secret is required")
    return AuthServer(options, FixedKeys(options.secret, algorithm), clock=clock)


def server_with_generated_keys(given: Mapping[str, Any], *, clock: Clock = system_clock) -> AuthServer:
    """The server with an RSA-2048 key pair of its own. Raises `CONFIGURATION_ERROR` with every finding."""
    options = ServerOptions.read({"algorithm": "RS256", **given}, lambda _: _not_for_generated(given))
    return AuthServer(options, GeneratedKeys(ALGORITHMS["RS256"]), clock=clock)


def _not_for_generated(given: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} is not an option of create_auth_server, which makes RS256 keys of its own; use create_auth"
        for name in ("algorithm", "secret")
        if name in given
    ]


def _required_secret(values: Mapping[str, Any]) -> list[str]:
    return ["secret is required"] if values.get("secret", ()) is None else []


def _key_findings(values: Mapping[str, Any]) -> list[str]:
    algorithm = algorithm_named(values.get("algorithm"))
    if algorithm is None:
        known = ", ".join(sorted({*ALGORITHMS, "EdDSA"}))
        return [f"algorithm is {values['algorithm']!r}; allowed are {known}"] if "algorithm" in values else []
    return findings(algorithm, values.get("secret") or ())
