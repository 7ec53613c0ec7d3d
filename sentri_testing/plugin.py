"""The pytest plugin: what every run pays for. Nothing of sentri, aiohttp or hypothesis is loaded here."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

import pytest

__all__ = ["SERVER_OPTIONS"]

SERVER_OPTIONS: Final = frozenset(
    {
        "access_cookie",
        "access_expires_in",
        "admin_roles",
        "argon2_profile",
        "algorithm",
        "api_key",
        "audience",
        "clock",
        "cookie",
        "db",
        "hook_timeout",
        "hooks",
        "identifier_validator",
        "is_token_revoked",
        "issuer",
        "key_encryption_secret",
        "logger",
        "max_hash_wait",
        "max_sessions",
        "migrate_on_startup",
        "namespace",
        "password_hash",
        "password_policy",
        "password_validator",
        "rate_limit",
        "reauth_within",
        "redis_url",
        "refresh_expires_in",
        "refuse_common_passwords",
        "refresh_leeway",
        "registration",
        "registration_roles",
        "router",
        "salt_rounds",
        "secret",
        "session_details",
        "session_expires_in",
        "trusted_origins",
        "telemetry",
        "trusted_proxies",
        "valid_roles",
    }
)
"""The options of `create_auth` in server mode, written down: to ask sentri for them would load it into every run."""


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker, and register the fixtures, now that it is known which other plugins there are."""
    config.addinivalue_line(
        "markers", "sentri(**options): options of `sentri_auth_server` in this test, as create_auth takes them"
    )
    from sentri_testing import fixtures  # noqa: PLC0415 - a plugin is imported before its neighbours are known

    config.pluginmanager.register(fixtures, "sentri-fixtures")
    if config.pluginmanager.has_plugin("asyncio"):
        from sentri_testing import async_fixtures as awaited  # noqa: PLC0415 - as above
    else:
        from sentri_testing import absent_fixtures as awaited  # type: ignore[no-redef]  # noqa: PLC0415 - as above

    config.pluginmanager.register(awaited, "sentri-async-fixtures")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `hostile_token` once for each of them."""
    if "hostile_token" in metafunc.fixturenames:
        from sentri_testing.hostile import HOSTILE_TOKENS  # noqa: PLC0415 - only where a test asks for it

        travelling = {name: token for name, token in HOSTILE_TOKENS.items() if token.travels}
        metafunc.parametrize("hostile_token", travelling.values(), ids=travelling.keys(), indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse markers that nobody would read: a misspelt option would test another server than it says."""
    wrong = [f"{item.nodeid}: @pytest.mark.sentri {finding}" for item in items for finding in _findings(item)]
    if wrong:
        raise pytest.UsageError("\n".join(wrong))


def _findings(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("sentri"):
        if mark.args:
            yield "takes options by name, such as @pytest.mark.sentri(valid_roles=('user', 'editor'))"
        for name in sorted(mark.kwargs.keys() - SERVER_OPTIONS):
            near = difflib.get_close_matches(name, SERVER_OPTIONS, 1)
            yield f"has no option {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
