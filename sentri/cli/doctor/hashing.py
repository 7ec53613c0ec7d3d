"""What a password costs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from time import process_time
from typing import Final

from sentri.cli.doctor.catalogue import Finding
from sentri.config.options import ServerOptions
from sentri.passwords.hashing import schemes_of
from sentri.passwords.schemes import ARGON2_PROFILES

__all__ = ["hashing_findings"]

_MOST_SECONDS: Final = 1.0
_TRIES: Final = 2  # the faster counts: what else the machine does is no matter of the cost


def hashing_findings(options: ServerOptions) -> Iterator[Finding]:
    """Hash a password as the server would. Takes as long as that takes."""
    seconds = _measured(options)
    for _ in range(_TRIES - 1):
        if seconds > _MOST_SECONDS:
            seconds = min(seconds, _measured(options))
    if seconds > _MOST_SECONDS:
        yield Finding(
            "hash-slow",
            f"One hash takes {seconds:.1f} seconds of a processor here: it serves {60 / seconds:.0f} logins a minute.",
        )


def _measured(options: ServerOptions) -> float:
    scheme, *_ = schemes_of(
        options.password_hash, rounds=options.salt_rounds, argon2=ARGON2_PROFILES[options.argon2_profile]
    )
    begun = process_time()  # not the time of others on this machine
    scheme.hash("correct horse battery staple")
    return process_time() - begun
