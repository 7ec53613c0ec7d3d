"""What the options of a server say, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentri.cli.doctor.catalogue import Deployment, Finding
from sentri.config.options import ServerOptions

__all__ = ["configuration_findings"]

_LEAST_SALT_ROUNDS: Final = 12
_LONG_ACCESS: Final = 3600.0  # seconds
_LEAST_DIFFERENT: Final = 8  # characters of a secret; of 32 random hex digits one in thirty million has fewer
_WIDEST: Final = {4: 8, 6: 16}
"""Shortest prefix of a network that one may have to oneself, by version of IP."""


def configuration_findings(options: ServerOptions, deployment: Deployment) -> Iterator[Finding]:
    """The pitfalls of the options alone."""
    yield from _of_keys(options, deployment)
    yield from _of_limits(options, deployment)
    if options.registration and options.api_key is None:
        given = sorted({*(options.registration_roles or ())} & {*(options.admin_roles or ())})
        if given:
            yield Finding("registration-gives-admin", f"Whoever registers may take the admin role {given[0]!r}.")
    if options.password_hash == "bcrypt" and options.salt_rounds < _LEAST_SALT_ROUNDS:  # noqa: S105 - no password
        yield Finding("hash-cost-low", f"salt_rounds is {options.salt_rounds}.")
    if options.access_expires_in > _LONG_ACCESS:
        yield Finding(
            "access-lifetime-long",
            f"An access token lives for {options.access_expires_in:.0f} seconds: so long do services in client mode "
            "take one whose session has ended, and so long does a key stay published after its rotation.",
        )
    if options.cookie and options.access_cookie and options.refresh_leeway == 0:
        yield Finding(
            "refresh-leeway-zero",
            "refresh_leeway is 0: of the parallel requests of a page that are refreshed silently the second counts as "
            "theft and ends the session.",
        )


def _of_keys(options: ServerOptions, deployment: Deployment) -> Iterator[Finding]:
    if options.secret is None and options.key_encryption_secret is None:
        others = f", and {deployment.processes} processes refuse one another's" if deployment.processes > 1 else ""
        yield Finding("keys-in-memory", f"The signing keys live in memory: a restart refuses every token{others}.")
    stated = {"secret": options.secret, "key_encryption_secret": options.key_encryption_secret}
    for name, values in stated.items():
        if any(_is_guessable(value) for value in values or ()):
            yield Finding("secret-guessable", f"{name} repeats itself: it has few different characters.")


def _is_guessable(secret: str) -> bool:
    return len(set(secret)) < _LEAST_DIFFERENT or secret in 2 * secret[: len(secret) // 2] * 2


def _of_limits(options: ServerOptions, deployment: Deployment) -> Iterator[Finding]:
    if options.rate_limit is None:
        yield Finding("rate-limit-off", "rate_limit is off: passwords may be guessed as fast as they are hashed.")
    elif options.redis_url is None and deployment.processes > 1:
        yield Finding(
            "rate-limits-per-process",
            f"Each of {deployment.processes} processes counts attempts for itself: together they allow so many times "
            "what rate_limit says.",
        )
    if options.trusted_proxies is None and deployment.behind_proxy:
        yield Finding(
            "proxies-not-trusted",
            "trusted_proxies is not given: behind a reverse proxy all clients have its address, and the rate limits "
            "per address do not apply.",
        )
    for network in options.trusted_proxies or ():
        if network.prefixlen < _WIDEST[network.version]:
            yield Finding(
                "proxies-too-wide",
                f"trusted_proxies has {network}: anybody there may invent the address that requests come from.",
            )
