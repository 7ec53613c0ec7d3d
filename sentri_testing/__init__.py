"""The pytest kit for applications built on sentri: servers, users, clocks, hostile tokens, assertions.

The fixtures come with the plugin, without an import; docs/testing.md has them all. Names load on first use: the plugin
is part of every run of its users, and must cost nothing there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sentri_testing.assertions import assert_authenticated as assert_authenticated
    from sentri_testing.assertions import assert_cookie_flags as assert_cookie_flags
    from sentri_testing.assertions import assert_envelope as assert_envelope
    from sentri_testing.assertions import assert_error as assert_error
    from sentri_testing.clock import ManualClock as ManualClock
    from sentri_testing.hostile import HOSTILE_TOKENS as HOSTILE_TOKENS
    from sentri_testing.hostile import HostileToken as HostileToken
    from sentri_testing.issuer import FakeAuthServer as FakeAuthServer
    from sentri_testing.keys import KeyPool as KeyPool
    from sentri_testing.keys import TestKey as TestKey
    from sentri_testing.logged_in import Carriage as Carriage
    from sentri_testing.logged_in import LoggedInClient as LoggedInClient
    from sentri_testing.logged_in import as_user as as_user
    from sentri_testing.minting import ABSENT as ABSENT
    from sentri_testing.minting import Mint as Mint
    from sentri_testing.refusing import assert_route_refuses_hostile_tokens as assert_route_refuses_hostile_tokens
    from sentri_testing.request_log import LoggedRequest as LoggedRequest
    from sentri_testing.request_log import RequestLog as RequestLog
    from sentri_testing.routes import assert_all_routes_guarded as assert_all_routes_guarded
    from sentri_testing.server import TestAuthServer as TestAuthServer
    from sentri_testing.tokens import TokenFactory as TokenFactory
    from sentri_testing.users import PASSWORD as PASSWORD
    from sentri_testing.users import SavedUser as SavedUser
    from sentri_testing.users import make_user as make_user

__all__ = [
    "ABSENT",
    "HOSTILE_TOKENS",
    "PASSWORD",
    "Carriage",
    "FakeAuthServer",
    "HostileToken",
    "KeyPool",
    "LoggedInClient",
    "LoggedRequest",
    "ManualClock",
    "Mint",
    "RequestLog",
    "SavedUser",
    "TestAuthServer",
    "TestKey",
    "TokenFactory",
    "as_user",
    "assert_all_routes_guarded",
    "assert_authenticated",
    "assert_cookie_flags",
    "assert_envelope",
    "assert_error",
    "assert_route_refuses_hostile_tokens",
    "make_user",
]

_HOME: Final = {
    "ABSENT": "minting",
    "HOSTILE_TOKENS": "hostile",
    "PASSWORD": "users",
    "Carriage": "logged_in",
    "FakeAuthServer": "issuer",
    "HostileToken": "hostile",
    "KeyPool": "keys",
    "LoggedInClient": "logged_in",
    "LoggedRequest": "request_log",
    "ManualClock": "clock",
    "Mint": "minting",
    "RequestLog": "request_log",
    "SavedUser": "users",
    "TestAuthServer": "server",
    "TestKey": "keys",
    "TokenFactory": "tokens",
    "as_user": "logged_in",
    "assert_all_routes_guarded": "routes",
    "assert_authenticated": "assertions",
    "assert_cookie_flags": "assertions",
    "assert_envelope": "assertions",
    "assert_error": "assertions",
    "assert_route_refuses_hostile_tokens": "refusing",
    "make_user": "users",
}
"""Name → the module that it is loaded from."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
