"""Every pitfall that the doctor knows: its id, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["PITFALLS", "Deployment", "Finding", "Level", "Pitfall"]

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What no option says.

    Attributes:
        processes: how many serve at the same time, on all machines together.
        behind_proxy: whether clients come through a reverse proxy.
        url: where browsers find the auth server; None where that was not told.
    """

    processes: int = 1
    behind_proxy: bool = True
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Pitfall:
    """One kind of mistake. An error loses sessions, lets somebody in, or stops the server; a warning may."""

    level: Level
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A pitfall that is there.

    Attributes:
        id: its name in the catalogue.
        what: what was seen, in one sentence, without a secret.
    """

    id: str
    what: str

    @property
    def pitfall(self) -> Pitfall:
        return PITFALLS[self.id]


PITFALLS: Final[Mapping[str, Pitfall]] = MappingProxyType(
    {
        "keys-in-memory": Pitfall(
            "error",
            "Keep them in the database with key_encryption_secret (SENTRI_KEY_ENCRYPTION_SECRET), or give your own as "
            "secret (SENTRI_SECRET).",
        ),
        "secret-guessable": Pitfall(
            "error", "Make one of random bytes: python -c 'import secrets; print(secrets.token_urlsafe(48))'."
        ),
        "registration-gives-admin": Pitfall(
            "error", "Take the admin roles out of registration_roles (SENTRI_REGISTRATION_ROLES)."
        ),
        "rate-limit-off": Pitfall("warning", "Leave rate_limit (SENTRI_RATE_LIMIT) at its default."),
        "rate-limits-per-process": Pitfall(
            "warning", "Give redis_url (SENTRI_REDIS_URL), so that all processes count together."
        ),
        "proxies-not-trusted": Pitfall(
            "warning",
            "Give trusted_proxies (SENTRI_TRUSTED_PROXIES), the addresses of the proxy; or --no-proxy here, if clients "
            "connect directly.",
        ),
        "proxies-too-wide": Pitfall(
            "error", "Name the proxy's own addresses in trusted_proxies (SENTRI_TRUSTED_PROXIES), and no others."
        ),
        "hash-cost-low": Pitfall("warning", "Leave salt_rounds (SENTRI_SALT_ROUNDS) at 12, or raise it."),
        "hash-slow": Pitfall("warning", "Lower salt_rounds (SENTRI_SALT_ROUNDS), or take a machine that is faster."),
        "access-lifetime-long": Pitfall(
            "warning", "Let access_expires_in (SENTRI_ACCESS_EXPIRES_IN) be minutes: refresh tokens carry a session on."
        ),
        "refresh-leeway-zero": Pitfall("error", "Give refresh_leeway (SENTRI_REFRESH_LEEWAY) some seconds."),
        "cookie-dropped": Pitfall(
            "error", "Change the cookie's domain, or serve what it is for under a URL that fits it, over https."
        ),
        "cookie-too-large": Pitfall(
            "error", "Name fewer or shorter roles in valid_roles, or let the access token travel in the header."
        ),
        "cookie-over-http": Pitfall("error", "Leave secure=True, and serve over https."),
        "database-unreachable": Pitfall("error", "Start it, or correct db (SENTRI_DATABASE_URL)."),
        "schema-pending": Pitfall("error", "Run `sentri migrate` before this version serves."),
        "schema-newer": Pitfall("warning", "Install the version of sentri that made them, at least."),
        "schema-drift": Pitfall(
            "error", "Somebody changed sentri's tables by hand: bring them back to what the migrations make."
        ),
        "sessions-held": Pitfall(
            "error",
            "Declare the foreign key with ON DELETE CASCADE or SET NULL: nobody can log out of such a session, and its "
            "user cannot be disabled.",
        ),
        "too-many-connections": Pitfall(
            "error", "Lower max in db (?max=… in the URL), run fewer processes, or let the database take more."
        ),
        "keys-unreadable": Pitfall(
            "error",
            "Give the secret that they were encrypted with: as key_encryption_secret, or as the second one of its list "
            "(SENTRI_OTHER_KEY_ENCRYPTION_SECRET).",
        ),
        "key-overlap-short": Pitfall(
            "warning",
            "Give every process that serves the same access_expires_in (SENTRI_ACCESS_EXPIRES_IN) and start it once: "
            "it lets its keys verify as long as its tokens live.",
        ),
        "database-readable": Pitfall("error", "Take the rights away: chmod 600, for the file and for those beside it."),
        "redis-unreachable": Pitfall("error", "Start it, or correct redis_url (SENTRI_REDIS_URL)."),
        "redis-evicts": Pitfall(
            "warning", "Set maxmemory-policy noeviction, or give sentri a Redis of its own that has room."
        ),
        "clock-skew": Pitfall("error", "Let both machines take their time from NTP."),
        "issuer-unreachable": Pitfall("error", "Start the auth server, or correct key_uri."),
        "issuer-over-http": Pitfall("error", "Give an https address as key_uri, without allow_insecure_keys."),
        "issuer-not-stated": Pitfall(
            "warning", "Give issuer and audience, on the server and here: a token for another service is refused then."
        ),
    }
)
"""Id → pitfall."""
