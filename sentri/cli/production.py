"""What `sentri serve --production` refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sentri.cli.doctor.catalogue import Deployment
from sentri.cli.doctor.configuration import configuration_findings
from sentri.config.database import read_database
from sentri.config.environment import Settings
from sentri.config.options import ServerOptions
from sentri.errors import ConfigurationError

__all__ = ["check_production"]

_LEAST_SALT_ROUNDS: Final = 12
_LETS_SOMEBODY_IN: Final = frozenset({"registration-gives-admin", "proxies-too-wide"})
"""What the doctor calls an error, and nobody can mean."""


def check_production(settings: Settings, read: ServerOptions) -> None:
    """Raises `CONFIGURATION_ERROR` with every reason; for settings that are right otherwise.

    Args:
        settings: what was given.
        read: what it means.
    """
    found = [each for each in configuration_findings(read, Deployment()) if each.id in _LETS_SOMEBODY_IN]
    told = [f"{each.what.removesuffix('.')} ({each.pitfall.remedy.removesuffix('.')})" for each in found]
    if reasons := [*_reasons(settings.options), *map(settings.in_own_words, told)]:
        raise ConfigurationError(f"{settings.stated['production']} refuses: {'; '.join(reasons)}")


def _reasons(options: Mapping[str, Any]) -> list[str]:
    reasons = []
    if options.keys().isdisjoint({"secret", "key_encryption_secret"}):
        reasons.append(
            "neither SENTRI_KEY_ENCRYPTION_SECRET nor SENTRI_SECRET is set (nor a file with one of them), and with "
            "keys in memory a restart or a second process refuses every token"
        )
    if "api_key" not in options and "registration" not in options:
        reasons.append(
            "anybody could register; set SENTRI_API_KEY or SENTRI_REGISTRATION=false, or SENTRI_REGISTRATION=true "
            "if that is meant"
        )
    if options.get("salt_rounds", _LEAST_SALT_ROUNDS) < _LEAST_SALT_ROUNDS:
        reasons.append(f"SENTRI_SALT_ROUNDS is {options['salt_rounds']}; at least {_LEAST_SALT_ROUNDS} are needed")
    if read_database(options["db"]).database == ":memory:":
        reasons.append("the database is in memory, and every user would be gone with the process")
    return reasons
