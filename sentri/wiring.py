"""From options to what flows and endpoints work with."""

from __future__ import annotations

import hashlib

from sentri.accounts.context import Context, Rules
from sentri.accounts.hooks import HookRunner
from sentri.clock import Clock
from sentri.config.options import ServerOptions
from sentri.keys.keyring import Keys
from sentri.passwords.hashing import PasswordHasher
from sentri.storage.database import Database
from sentri.storage.sessions import Sessions
from sentri.storage.users import Users
from sentri.tokens.access import AccessTokens
from sentri.tokens.refresh import RefreshTokens
from sentri.web.handlers import Gatekeeping

__all__ = ["context_of", "gatekeeping_of"]


def gatekeeping_of(options: ServerOptions) -> Gatekeeping:
    """Who may call which endpoint."""
    return Gatekeeping(
        api_keys=tuple(hashlib.sha256(key.encode()).digest() for key in options.api_key or ()),
        registration_roles=frozenset(options.registration_roles or ()),
        admin_roles=frozenset(options.admin_roles or ()),
        reauth_within=options.reauth_within,
    )


def context_of(options: ServerOptions, keys: Keys, clock: Clock, database: Database) -> Context:
    """What the flows work with."""
    return Context(
        users=Users(database),
        sessions=Sessions(database, clock),
        hasher=PasswordHasher(options.salt_rounds),
        access=AccessTokens(
            keys,
            lifetime=options.access_expires_in,
            issuer=options.issuer,
            audience=options.audience or (),
            clock=clock,
        ),
        refresh=RefreshTokens(keys, clock),
        hooks=HookRunner(options.hooks or {}, timeout=options.hook_timeout, logger=options.logger),
        clock=clock,
        rules=Rules(
            valid_roles=options.valid_roles,
            refresh_expires_in=options.refresh_expires_in,
            session_expires_in=options.session_expires_in,
            refresh_leeway=options.refresh_leeway,
            callback_timeout=options.hook_timeout,
            issuer=options.issuer,
            identifier_validator=options.identifier_validator,
            password_validator=options.password_validator,
            is_token_revoked=options.is_token_revoked,
        ),
        logger=options.logger,
    )
