"""sentri: authentication and authorization for aiohttp."""

from __future__ import annotations

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
    from sentri.accounts.facade import Accounts
    from sentri.client.auth import AuthClient
    from sentri.server import AuthServer

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
    "KeyInfo",
    "KeysStatus",
    "RateLimit",
    "RefreshClaims",
    "SentriError",
    "Services",
    "TokenPair",
    "TrustedIssuer",
    "__version__",
    "authorize",
    "create_auth",
    "create_auth_server",
    "create_idempotency_middleware",
    "current_user",
    "permit",
    "protect",
]


def __getattr__(name: str) -> Any:
    """The names that need a database load with their first use: client mode does without."""
    if name == "AuthServer":
        from sentri.server import AuthServer  # noqa: PLC0415 - here, so that guards alone load no database

        return AuthServer
    if name == "AuthClient":
        from sentri.client.auth import AuthClient  # noqa: PLC0415 - a server needs no client

        return AuthClient
    if name == "Accounts":
        from sentri.accounts.facade import Accounts  # noqa: PLC0415 - as above

        return Accounts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
