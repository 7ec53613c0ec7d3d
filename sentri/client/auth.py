"""Client mode, put together: remote keys, tokens, guards. It needs no database, and loads nothing of one."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from sentri.client.fetching import fetching
from sentri.clock import Clock, timer_of
from sentri.config.client_options import ClientOptions
from sentri.config.issuers import KeyUri
from sentri.digests import Digests
from sentri.errors import ConfigurationError
from sentri.finishing import finish
from sentri.hooks import HookRunner
from sentri.identity import AuthUser
from sentri.keys.algorithms import ALGORITHMS, Algorithm, algorithm_named
from sentri.keys.remote import KeysStatus, RemoteKeys
from sentri.randomness import new_secret
from sentri.revocation import Revocation
from sentri.telemetry import telemetry_of
from sentri.telling import Events
from sentri.tokens.access import AccessClaims
from sentri.tokens.trusted import Issuer, TrustedTokens
from sentri.web.auth import Auth
from sentri.web.bearer import plain_bearer_token
from sentri.web.client_address import Clients
from sentri.web.cookies import TokenCookies
from sentri.web.denials import Denials
from sentri.web.errors import OnUnhandled
from sentri.web.identifying import Authentication, CookieAuthentication
from sentri.web.origin import CrossSite

__all__ = ["AuthClient", "ClientKeys", "client_of_options"]

_LEAST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0  # seconds between two looks at whether the keys are to be fetched


class ClientKeys:
    """The key sets that a client verifies with: `auth.keys`."""

    def __init__(self, own: RemoteKeys, others: Mapping[str, RemoteKeys]) -> None:
        self._own = own
        self._others = dict(others)

    def status(self, issuer: str | None = None) -> KeysStatus:
        """How the keys are: fresh, stale (still good, while the auth server does not answer) or unavailable; when they
        were fetched last, and what went wrong last. Costs nothing; for a readiness probe.

        Args:
            issuer: one of `trusted_issuers`; by default the keys of `key_uri`.

        Raises:
            SentriError: `CONFIGURATION_ERROR` for an issuer that is not trusted.
        """
        if issuer is None:
            return self._own.status()
        if issuer not in self._others:
            raise ConfigurationError(f"{issuer!r} is none of the trusted_issuers {sorted(self._others)}")
        return self._others[issuer].status()

    async def tend(self) -> float:
        """Fetch all that are due; seconds until the next are."""
        return min(await asyncio.gather(*(keys.tend() for keys in (self._own, *self._others.values()))))

    async def prefetch(self) -> None:
        """Fetch all that are not fresh, at the same time. Raises `KEYS_UNAVAILABLE` where there are no own ones."""
        own, *_ = await asyncio.gather(
            *(keys.prefetch() for keys in (self._own, *self._others.values())), return_exceptions=True
        )
        if own is not None:
            raise own

    async def close(self) -> None:
        """End what is being fetched."""
        await asyncio.gather(*(keys.close() for keys in (self._own, *self._others.values())))


class AuthClient(Auth):
    """The guards of an application that trusts the tokens of auth servers elsewhere, by their published keys.

    Made by `sentri.create_auth(mode="client", key_uri=…)`. Nothing has to be opened: keys are fetched when the first
    token comes, or by `prefetch`. A request costs one signature's verification, and no look-up anywhere.

    Args:
        options: what `ClientOptions.read` made of the configuration.
        clock: the source of time for tokens, in place of that of the options.
        timer: the source of time for keys: seconds that only grow.
    """

    def __init__(
        self, options: ClientOptions, *, clock: Clock | None = None, timer: Callable[[], float] | None = None
    ) -> None:
        self._clock = clock = clock or options.clock
        telemetry = telemetry_of(on=options.telemetry)
        self._hooks = HookRunner(options.hooks or {}, timeout=options.hook_timeout, logger=options.logger)
        self._events = Events(self._hooks, Digests([new_secret()]), clock, options.logger, telemetry)
        super().__init__(
            valid_roles=options.valid_roles,
            callback_timeout=options.hook_timeout,
            logger=options.logger,
            denials=Denials(self._events, Clients(None, logger=options.logger)),
            telemetry=telemetry,
        )
        self._options = options
        self._timer = timer or timer_of(options.clock)
        self._serving = False
        algorithms = _algorithms(options)
        own = self._remote(options.key_uri, algorithms)
        others = {issuer.issuer: self._remote(issuer.key_uri, algorithms) for issuer in options.trusted_issuers}
        self._keys = ClientKeys(own, others)
        self._tokens = self._trusted_tokens(own, others, algorithms)
        self._revocation = Revocation(options.is_token_revoked, timeout=options.hook_timeout, logger=options.logger)
        # Whoever makes `authenticate` another one has the last word on every request.
        self._recalls = not self._revocation.asks and type(self).authenticate is AuthClient.authenticate
        self._by_cookie = self._cookie_authentication()

    @property
    def options(self) -> ClientOptions:
        """How it is configured, every default filled in."""
        return self._options

    def __repr__(self) -> str:
        return f"<AuthClient key_uri={self._options.key_uri}>"

    def _remote(self, uri: KeyUri, algorithms: tuple[Algorithm, ...]) -> RemoteKeys:
        options = self._options
        return RemoteKeys(
            fetching(uri),
            algorithms=algorithms,
            cache_ttl=options.cache_ttl,
            max_stale=options.max_stale,
            timeout=options.timeout,
            tell=self._events.tell_soon,
            logger=options.logger,
            name=str(uri),
            clock=self._clock,
            timer=self._timer,
        )

    def _trusted_tokens(
        self, own: RemoteKeys, others: Mapping[str, RemoteKeys], algorithms: tuple[Algorithm, ...]
    ) -> TrustedTokens:
        options = self._options
        return TrustedTokens(
            Issuer(name=options.issuer, audience=options.audience or (), keys=own),
            [
                Issuer(
                    name=issuer.issuer,
                    audience=issuer.audience or (),
                    keys=others[issuer.issuer],
                    roles=frozenset(issuer.roles),
                    lenient=issuer.lenient_typ,
                    roles_claim=issuer.roles_claim,
                    identifier_claim=issuer.identifier_claim,
                )
                for issuer in options.trusted_issuers
            ],
            algorithms=algorithms,
            leeway=options.leeway,
            clock=self._clock,
        )

    def _cookie_authentication(self) -> CookieAuthentication | None:
        options = self._options
        if options.access_cookie is None:
            return None
        cookies = TokenCookies(refresh=None, access=options.access_cookie, clock=self._clock, logger=options.logger)
        trusted = options.trusted_origins or ()
        return CookieAuthentication(
            cookies=cookies,
            cross_site=CrossSite(trusted=trusted, secure=cookies.secure, proxies=(), denials=self._denials),
            verify=self._verify_expired_or_not,
            verify_refresh=None,
            check=self._check_revoked,
            silent=None,
            clock=self._clock,
        )

    # --- life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is being fetched, and the idempotency middlewares. `setup` calls it at the application's end."""
        await self._close_idempotency()
        await self._keys.close()
        await self._hooks.close()

    @property
    def keys(self) -> ClientKeys:
        """The key sets: `auth.keys.status()`."""
        return self._keys

    async def prefetch(self) -> None:
        """Fetch the keys of every issuer, so that the first request does not wait for them.

        Raises `KEYS_UNAVAILABLE` where those of `key_uri` cannot be had; requests try again. What other issuers do not
        answer is logged.
        """
        await self._keys.prefetch()

    def setup(
        self,
        app: web.Application,
        prefix: str = "/auth",  # noqa: ARG002 - for an application that is wired alike in both modes
        *,
        idempotency: bool = True,
        on_unhandled: OnUnhandled | None = None,
    ) -> None:
        """Wire everything into an application in one line: the error middleware and, unless `idempotency` is False,
        the idempotency middleware (after the middlewares that are there already), `app[sentri.AUTH]` for guards that
        are imported, keys that are fetched at the start and kept fresh without traffic too, and clean-up.

        An auth server that does not answer at the start keeps nothing from starting: it is logged and asked again, so
        that a readiness probe made of `auth.keys.status()` turns good by itself. Nothing is mounted: `prefix` is that
        of server mode. Raises `CONFIGURATION_ERROR` for an application that has an auth object, and at start-up for an
        auth object that serves another one.
        """
        self._install(app, idempotency=idempotency, on_unhandled=on_unhandled)
        app.on_shutdown.append(self._flush)
        app.cleanup_ctx.append(self._serve)

    async def _serve(self, app: web.Application) -> AsyncIterator[None]:
        if self._serving:
            raise ConfigurationError("this auth object serves an application already; one auth object serves one")
        self._check_wiring(app)
        self._serving = True
        keeping = asyncio.create_task(self._keep_keys(await self._keys.tend()))
        try:
            yield
        finally:
            await finish([keeping], within=0)
            await self.close()
            self._serving = False

    async def _keep_keys(self, pause: float) -> None:
        """Without traffic nothing else would ask: a probe would stay unready, and a leaked key live on."""
        while True:
            await asyncio.sleep(min(max(pause, _LEAST_PAUSE), _LONGEST_PAUSE))
            pause = await self._keys.tend()

    async def _flush(self, _: web.Application) -> None:
        await self._close_idempotency()

    def _idempotency_defaults(self) -> Mapping[str, Any]:
        return {"clock": self._options.clock}

    # --- tokens

    async def authenticate(self, token: str) -> AuthUser:
        """The user of an access token, after everything that `protect` checks: the signature by a key of the issuer
        that it names, its claims, and `is_token_revoked`. Its session is the auth server's to know.

        Raises `TOKEN_INVALID`; `TOKEN_EXPIRED`; `UNAUTHORIZED` for a revoked session; `KEYS_UNAVAILABLE` where the
        keys cannot be had; `SERVICE_UNAVAILABLE` where `is_token_revoked` gives no answer.
        """
        claims = await self._tokens.verify(token)
        return await self._check_revoked(claims.user)

    def recall(self, request: web.Request) -> AuthUser | None:
        token = plain_bearer_token(request)
        if token is None or not self._recalls:
            return None
        claims = self._tokens.recall(token)
        if claims is None:
            return None
        request[self._memo] = Authentication(claims.user, token, weakref.ref(request))
        return claims.user

    async def _check_revoked(self, user: AuthUser) -> AuthUser:
        await self._revocation.check(user.session_id)
        return user

    async def _recheck(self, known: Authentication) -> AuthUser:
        return await self.authenticate(known.token)

    async def _verify_expired_or_not(self, token: str) -> AccessClaims:
        return await self._tokens.verify(token, expired_too=True)

    def _is_own(self, _: web.UrlMappingMatchInfo) -> bool:
        return False


def client_of_options(
    given: Mapping[str, Any], *, clock: Clock | None = None, timer: Callable[[], float] | None = None
) -> AuthClient:
    """The client. Raises `CONFIGURATION_ERROR` with every finding."""
    return AuthClient(ClientOptions.read(given, _algorithm_findings), clock=clock, timer=timer)


def _algorithms(options: ClientOptions) -> tuple[Algorithm, ...]:
    """Those of the options, else every one that has public keys."""
    named = options.algorithms or tuple(ALGORITHMS)
    found = (algorithm_named(name) for name in named)
    return tuple(dict.fromkeys(algorithm for algorithm in found if algorithm is not None and algorithm.asymmetric))


def _algorithm_findings(values: Mapping[str, Any]) -> list[str]:
    allowed = [algorithm.name for algorithm in ALGORITHMS.values() if algorithm.asymmetric]
    strange = [
        name
        for name in values.get("algorithms") or ()
        if (algorithm := algorithm_named(name)) is None or not algorithm.asymmetric
    ]
    wrong = (
        f"algorithms has {strange!r}; client mode verifies with public keys: allowed are {', '.join(allowed)}, EdDSA"
    )
    return [wrong] if strange else []
