"""What `sentri serve` prints when it listens."""

from __future__ import annotations

from ipaddress import ip_address
from shlex import quote
from typing import Any, Final

from sentri.cli.opening import database_shown
from sentri.config.environment import Settings

__all__ = ["PREFIX", "welcome", "whereabouts"]

PREFIX: Final = "/auth"
_JSON: Final = "-H 'Content-Type: application/json'"
_CREDENTIALS: Final = """-d '{"identifier": "ada@example.com", "password": "correct horse battery"}'"""


def welcome(address: Any, settings: Settings) -> str:
    """Where the server is and, outside of production, three lines for a shell that try it.

    Args:
        address: what the socket is bound to.
        settings: what the server was made of.
    """
    host, port = address[:2]
    lines = [
        f"sentri serves {_url(address)}",
        f"  database  {database_shown(settings)}",
        f"  keys      {_keys(settings)}",
    ]
    if not settings.production:
        lines += ["", "Try it:", "", *_trying(quote(f"http://{_reachable(host)}:{port}{PREFIX}"), settings), ""]
    return "\n".join(lines)


def whereabouts(address: Any, settings: Settings) -> dict[str, Any]:
    """The same for a program."""
    algorithm, source = _source(settings)
    keys = {"algorithm": algorithm, "from": source}
    return {"url": _url(address), "database": database_shown(settings), "keys": keys}


def _url(address: Any) -> str:
    host, port = address[:2]
    return f"http://{_bracketed(host)}:{port}{PREFIX}"


def _source(settings: Settings) -> tuple[str, str]:
    """Which keys sign, and where they are from."""
    if "key_encryption_secret" in settings.options:
        return settings.options.get("algorithm", "RS256"), "database"
    if "secret" in settings.options:
        return settings.options.get("algorithm", "HS256"), "configuration"
    return "RS256", "memory"


def _keys(settings: Settings) -> str:
    algorithm, source = _source(settings)
    match source:
        case "database":
            return f"{algorithm}, in the database, encrypted with {settings.stated['key_encryption_secret']}"
        case "configuration":
            return f"{algorithm}, from {settings.stated['secret']}"
    return f"{algorithm}, in memory until the server stops; SENTRI_KEY_ENCRYPTION_SECRET keeps them in the database"


def _trying(url: str, settings: Settings) -> list[str]:
    login = f"curl -s {url}/login {_JSON} {_CREDENTIALS}"
    return [
        _registration(url, settings),
        f"""TOKEN=$({login} | sed 's/.*"accessToken": *"\\([^"]*\\)".*/\\1/')""",
        f'curl -s {url}/me -H "Authorization: Bearer $TOKEN"',
    ]


def _registration(url: str, settings: Settings) -> str:
    if settings.options.get("registration") is False:
        return "sentri users create ada@example.com  # the password: correct horse battery"
    key = ' -H "X-Api-Key: $SENTRI_API_KEY"' if "api_key" in settings.options else ""
    return f"curl -s {url}/register{key} {_JSON} {_CREDENTIALS}"


def _reachable(host: str) -> str:
    """The host for a client on this machine: it cannot ask for "all interfaces"."""
    if not ip_address(host).is_unspecified:
        return _bracketed(host)
    return "[::1]" if ":" in host else "127.0.0.1"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
