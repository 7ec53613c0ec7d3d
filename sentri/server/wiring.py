"""From options to what flows and endpoints work with."""

from __future__ import annotations

import hashlib
import secrets

from sentri.accounts.context import Context, Rules
from sentri.accounts.limits import AccountLimits
from sentri.accounts.purging import Purging
from sentri.accounts.unbroken import Unbroken
from sentri.clock import Clock, timer_of
from sentri.config.options import ServerOptions
from sentri.digests import Digests
from sentri.errors import ConfigurationError
from sentri.hooks import HookRunner
from sentri.keys.algorithms import algorithm_named
from sentri.keys.encrypting import KeyEncryption
from sentri.keys.keyring import FixedKeys, GeneratedKeys, Keys
from sentri.keys.making import KeyMaker
from sentri.keys.persisted import PersistedKeys
from sentri.keys.signing import SigningKey
from sentri.keys.timeline import KeyTimes
from sentri.limits import Limiter, MemoryAttempts
from sentri.limits.record import Attempts
from sentri.passwords.hashing import PasswordHasher, schemes_of
from sentri.passwords.policy import LEAST_CHARACTERS, MOST_BYTES, PasswordPolicy, common_passwords
from sentri.passwords.schemes import ARGON2_PROFILES
from sentri.revocation import Revocation
from sentri.storage.database import Database
from sentri.storage.known_addresses import KnownAddresses
from sentri.storage.sessions import Sessions
from sentri.storage.signing_keys import SigningKeys
from sentri.storage.users import Users
from sentri.telemetry import Telemetry
from sentri.telling import Events
from sentri.tokens.access import AccessTokens
from sentri.tokens.refresh import RefreshTokens
from sentri.web.cookies import TokenCookies
from sentri.web.denials import Denials
from sentri.web.endpoints.context import Gatekeeping
from sentri.web.origin import CrossSite

__all__ = [
    "context_of",
    "cookies_of",
    "cross_site_of",
    "digests_of",
    "events_of",
    "gatekeeping_of",
    "hooks_of",
    "keys_of",
    "limits_of",
]


def gatekeeping_of(options: ServerOptions) -> Gatekeeping:
    """Who may call which endpoint."""
    return Gatekeeping(
        api_keys=tuple(hashlib.sha256(key.encode()).digest() for key in options.api_key or ()),
        registration_roles=frozenset(options.registration_roles or ()),
        admin_roles=frozenset(options.admin_roles or ()),
        reauth_within=options.reauth_within,
    )


def cookies_of(options: ServerOptions, clock: Clock) -> TokenCookies:
    """The cookies that tokens travel in."""
    return TokenCookies(refresh=options.cookie, access=options.access_cookie, clock=clock, logger=options.logger)


def cross_site_of(options: ServerOptions, cookies: TokenCookies, denials: Denials) -> CrossSite:
    """Which other sites may do something in the name of a cookie."""
    return CrossSite(
        trusted=options.trusted_origins or (),
        secure=cookies.secure,
        proxies=options.trusted_proxies or (),
        denials=denials,
    )


def digests_of(options: ServerOptions) -> Digests:
    """Names that the processes of this server make alike, where they have a secret in common."""
    stated = [*(options.key_encryption_secret or ()), *(options.secret or ())]
    return Digests([secret.encode() for secret in stated] or [secrets.token_bytes(32)])


def events_of(
    options: ServerOptions, hooks: HookRunner, digests: Digests, clock: Clock, telemetry: Telemetry
) -> Events:
    """What tells what happened."""
    return Events(hooks, digests, clock, options.logger, telemetry)


def hooks_of(options: ServerOptions) -> HookRunner:
    """What calls the host's hooks."""
    return HookRunner(options.hooks or {}, timeout=options.hook_timeout, logger=options.logger)


def context_of(
    options: ServerOptions,
    keys: Keys,
    clock: Clock,
    database: Database,
    *,
    hooks: HookRunner,
    events: Events,
    telemetry: Telemetry,
) -> Context:
    """What the flows work with."""
    sessions = Sessions(database, clock, telemetry)
    return Context(
        users=Users(database),
        sessions=sessions,
        hasher=_hasher_of(options, events, telemetry),
        access=AccessTokens(
            keys,
            lifetime=options.access_expires_in,
            issuer=options.issuer,
            audience=options.audience or (),
            clock=clock,
        ),
        refresh=RefreshTokens(keys, clock),
        revocation=Revocation(options.is_token_revoked, timeout=options.hook_timeout, logger=options.logger),
        hooks=hooks,
        events=events,
        telemetry=telemetry,
        unbroken=Unbroken(),
        purging=Purging(sessions, KnownAddresses(database), clock, monotonic=timer_of(clock), logger=options.logger),
        clock=clock,
        rules=_rules_of(options),
        logger=options.logger,
    )


def _hasher_of(options: ServerOptions, events: Events, telemetry: Telemetry) -> PasswordHasher:
    argon2 = ARGON2_PROFILES[options.argon2_profile]
    return PasswordHasher(
        *schemes_of(options.password_hash, rounds=options.salt_rounds, argon2=argon2),
        most_wait=options.max_hash_wait,
        on_overload=lambda: events.tell("hashing.overloaded"),
        telemetry=telemetry,
    )


def _rules_of(options: ServerOptions) -> Rules:
    return Rules(
        valid_roles=options.valid_roles,
        refresh_expires_in=options.refresh_expires_in,
        session_expires_in=options.session_expires_in,
        refresh_leeway=options.refresh_leeway,
        passwords=PasswordPolicy(
            least=LEAST_CHARACTERS[options.password_policy],
            most=MOST_BYTES[options.password_hash],
            common=common_passwords() if options.refuse_common_passwords else (),
        ),
        max_sessions=options.max_sessions,
        session_details=options.session_details,
        issuer=options.issuer,
        identifier_validator=options.identifier_validator,
        password_validator=options.password_validator,
    )


def limits_of(options: ServerOptions, context: Context, database: Database, digests: Digests) -> AccountLimits:
    """How often who may try what."""

    async def on_limited(kind: str, *, user_id: str | None = None, identifier: str | None = None) -> None:
        events = context.events
        details = {} if identifier is None else {"identifier": events.digest("identifier", identifier)}
        await events.tell("rate_limit.exceeded", user_id=user_id, reason=kind, **details)
        await context.hooks.tell("on_rate_limited", kind)

    return AccountLimits(
        options.rate_limit,
        Limiter(MemoryAttempts(context.clock), _shared_attempts(options, context.clock), logger=options.logger),
        digests=digests,
        users=context.users,
        addresses=KnownAddresses(database),
        on_limited=on_limited,
        clock=context.clock,
        logger=options.logger,
    )


def _shared_attempts(options: ServerOptions, clock: Clock) -> Attempts | None:
    if options.redis_url is None or options.rate_limit is None:
        return None
    from sentri.limits.redis import RedisAttempts  # noqa: PLC0415 - here alone: without a URL nothing loads redis

    return RedisAttempts(options.redis_url.url, namespace=options.namespace, clock=clock)


def keys_of(
    options: ServerOptions,
    database: Database,
    clock: Clock,
    times: KeyTimes,
    *,
    events: Events,
    algorithm_stated: bool = True,
) -> Keys:
    """Where the signing keys come from: the database, the configuration, or this process's memory.

    Keys that are kept change to another algorithm only where somebody stated it.
    """
    algorithm = algorithm_named(options.algorithm)
    if algorithm is None:
        raise ConfigurationError(f"algorithm is {options.algorithm!r}")
    stated = options.secret or ()
    if options.key_encryption_secret is None:
        return FixedKeys(stated, algorithm) if stated else GeneratedKeys(algorithm)
    encryption = KeyEncryption(options.key_encryption_secret)
    maker = KeyMaker(
        algorithm,
        encryption,
        clock,
        token_lifetime=options.access_expires_in,
        algorithm_stated=algorithm_stated,
    )
    return PersistedKeys(
        SigningKeys(database),
        encryption,
        maker,
        configured=[SigningKey.of_secret(secret, algorithm) for secret in stated],
        clock=clock,
        times=times,
        events=events,
        logger=options.logger,
    )
