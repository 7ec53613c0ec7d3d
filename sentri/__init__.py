"""sentri: authentication and authorization for aiohttp."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sentri.config.client_options import ClientHooks
from sentri.config.cookies import CookieConfig
from sentri.config.database import Database
from sentri.config.issuers import TrustedIssuer
from sentri.config.options import Hooks, Services
from sentri.config.rate_limit import RateLimit
from sentri.creating import create_auth, create_auth_server
from sentri.errors import SENTRI_ERROR_STATUS, SentriError
from sentri.events import Event
from sentri.identity import AuthUser, RefreshClaims, TokenPair
from sentri.keys.remote import KeysStatus
from sentri.keys.timeline import KeyInfo
from sentri.web.auth import AUTH, Auth, authorize, current_user, permit, protect
from sentri.web.idempotency_creating import create_idempotency_middleware
from sentri.web.request_keys import IDEMPOTENCY_KEY, USER

if TYPE_CHECKING:
    from sentri.accounts.administration.records import (
        ImportRefused,
        ImportReport,
        Page,
        RowError,
        SessionInfo,
        UserInfo,
    )
    from sentri.accounts.administration.sessions import SessionAdministration
    from sentri.accounts.administration.users import UserAdministration
    from sentri.accounts.facade import Accounts
    from sentri.client.auth import AuthClient
    from sentri.server.auth import AuthServer

__version__ = "0.1.0"

__all__ = [
    "AUTH",
    "IDEMPOTENCY_KEY",
    "SENTRI_ERROR_STATUS",
    "USER",
    "Accounts",
    "Auth",
    "AuthClient",
    "AuthServer",
    "AuthUser",
    "ClientHooks",
    "CookieConfig",
    "Database",
    "Event",
    "Hooks",
    "ImportRefused",
    "ImportReport",
    "KeyInfo",
    "KeysStatus",
    "Page",
    "RateLimit",
    "RefreshClaims",
    "RowError",
    "SentriError",
    "Services",
    "SessionAdministration",
    "SessionInfo",
    "TokenPair",
    "TrustedIssuer",
    "UserAdministration",
    "UserInfo",
    "__version__",
    "authorize",
    "create_auth",
    "create_auth_server",
    "create_idempotency_middleware",
    "current_user",
    "permit",
    "protect",
]


_LAZY = {
    "Accounts": "sentri.accounts.facade",
    "AuthClient": "sentri.client.auth",
    "AuthServer": "sentri.server.auth",
    "ImportRefused": "sentri.accounts.administration.records",
    "ImportReport": "sentri.accounts.administration.records",
    "Page": "sentri.accounts.administration.records",
    "RowError": "sentri.accounts.administration.records",
    "SessionAdministration": "sentri.accounts.administration.sessions",
    "SessionInfo": "sentri.accounts.administration.records",
    "UserAdministration": "sentri.accounts.administration.users",
    "UserInfo": "sentri.accounts.administration.records",
}
"""Names that load with their first use: guards alone need no database, and client mode does without."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
