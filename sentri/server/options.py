"""The options of an auth server, with what they have to say about its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentri.config.options import ServerOptions
from sentri.keys.algorithms import ALGORITHMS, algorithm_named
from sentri.keys.signing import findings

__all__ = ["options_for_generated_keys", "options_of"]


def options_of(given: Mapping[str, Any], *, keys_given: bool = False) -> ServerOptions:
    """The options of a server whose keys are described by them, or else `keys_given` to it.

    Raises `CONFIGURATION_ERROR` with every finding.
    """
    checks = (_key_findings,) if keys_given else (_required_secret, _key_findings)
    return ServerOptions.read(given, *checks)


def options_for_generated_keys(given: Mapping[str, Any]) -> ServerOptions:
    """The options of a server that makes RSA-2048 keys of its own. Raises `CONFIGURATION_ERROR` with every finding."""
    return ServerOptions.read({"algorithm": "RS256", **given}, lambda _: _not_for_generated(given))


def _not_for_generated(given: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} is not an option of create_auth_server, which makes RS256 keys of its own; use create_auth"
        for name in ("algorithm", "secret")
        if name in given
    ]


def _required_secret(values: Mapping[str, Any]) -> list[str]:
    if values.get("secret", ()) is not None or values.get("key_encryption_secret", ()) is not None:
        return []
    algorithm = algorithm_named(values.get("algorithm"))
    asymmetric = algorithm is not None and algorithm.asymmetric
    return ["secret is required" + (", or key_encryption_secret, which keeps generated keys" if asymmetric else "")]


def _key_findings(values: Mapping[str, Any]) -> list[str]:
    algorithm = algorithm_named(values.get("algorithm"))
    if algorithm is None:
        known = ", ".join(sorted({*ALGORITHMS, "EdDSA"}))
        return [f"algorithm is {values['algorithm']!r}; allowed are {known}"] if "algorithm" in values else []
    found = findings(algorithm, values.get("secret") or ())
    if values.get("key_encryption_secret") and not algorithm.asymmetric:
        found.append(
            f"key_encryption_secret keeps key pairs, and {algorithm.name} has none; give an asymmetric algorithm, "
            "such as 'RS256'"
        )
    return found
