"""Where the data lives: a URL, or its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ssl import SSLContext
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from sentri.config.durations import Duration, duration
from sentri.config.reading import Wrong, each, scheme_of, unknown_entry

__all__ = ["Database", "Dialect", "read_database"]

Dialect = Literal["postgres", "mysql", "sqlite"]

_SCHEMES: Final[Mapping[str, Dialect]] = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}
_PORTS: Final[Mapping[str, int]] = {"postgres": 5432, "mysql": 3306}
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_ALLOWED: Final = "give postgres://…, mysql://…, sqlite://path or sqlite://:memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database, its parts named. The repr shows neither user nor password.

    Args:
        dialect: `"postgres"`, `"mysql"` (MariaDB too) or `"sqlite"`.
        database: its name; for SQLite the file's path or `":memory:"`.
        host, port: where the server listens; not for SQLite.
        user, password: who connects.
        max: connections in the pool, at most.
        timeout: how long sentri waits for the database at a time, from waiting for a connection to the commit, as a
            duration or a number of seconds; what is not done by then is answered with 503. 0.1 to 300 seconds.
        schema: PostgreSQL only, the schema of sentri's tables.
        ssl: True for TLS with a server whose certificate the system's authorities vouch for, or an `ssl.SSLContext`
            that says what to trust instead. PostgreSQL also takes an sslmode such as `"verify-full"`.
        connection_string: a URL, in place of all of the above but `max` and `timeout`.
    """

    dialect: Dialect = "postgres"
    database: str = ""
    host: str | None = None
    port: int | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    max: int = 10
    timeout: Duration = 5.0
    schema: str | None = None
    ssl: bool | str | SSLContext | None = None
    connection_string: str | None = field(default=None, repr=False)

    @property
    def seconds(self) -> float:
        """`timeout` in seconds."""
        return _timeout(self.timeout)

    @property
    def shown(self) -> str:
        """The URL without user information and query, for logs and messages."""
        if self.dialect == "sqlite":
            return f"sqlite://{self.database}"
        return f"{self.dialect}://{self.host}:{self.port}/{self.database}"


def read_database(value: object) -> Database:
    """The database that a URL, a mapping or a `Database` describes; raises `Wrong` without showing a secret."""
    match value:
        case Database():
            return _from_mapping(
                {f.name: given for f in fields(value) if (given := getattr(value, f.name)) != f.default}
            )
        case str():
            return _checked(**_parts_of_url(value))
        case Mapping():
            return _from_mapping(value)
        case _:
            raise Wrong(f"is a {type(value).__name__}; {_ALLOWED}, a mapping or a sentri.Database")


def _from_mapping(given: Mapping[Any, Any]) -> Database:
    each(_known_entry, given)
    parts = dict(given)
    url = parts.pop("connection_string", None)
    if url is None:
        return _checked(**parts)
    if parts.keys() - {"max", "timeout"}:
        raise Wrong("has both connection_string and its parts; give one of them")
    if not isinstance(url, str):
        raise Wrong(f"has a connection_string that is a {type(url).__name__}; {_ALLOWED}")
    return _checked(**_parts_of_url(url) | parts)


def _known_entry(name: object) -> None:
    known = [f.name for f in fields(Database)]
    if name not in known:
        raise unknown_entry(name, known)


def _parts_of_url(url: str) -> dict[str, Any]:
    scheme, separator, rest = url.partition("://")
    dialect = _SCHEMES.get(scheme.lower())
    if not separator or dialect is None:
        raise Wrong(f"{scheme_of(url)}; {_ALLOWED}")
    if dialect == "sqlite":
        path, _, query = rest.partition("?")
        return {"dialect": dialect, "database": unquote(path), **_query(query, dialect)}
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        raise Wrong("is not a URL: its host or port cannot be read (percent-encode special characters)") from None
    if split.fragment or "@" in split.path:  # what is taken for the database's name is the rest of a password
        raise Wrong("is not a URL: it has a # or a second @ (percent-encode special characters)")
    return {
        "dialect": dialect,
        "database": unquote(split.path.removeprefix("/")),
        "host": split.hostname,
        "port": port,
        "user": None if split.username is None else unquote(split.username),
        "password": None if split.password is None else unquote(split.password),
        **_query(split.query, dialect),
    }


def _query(query: str, dialect: Dialect) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        match name:
            case "max" | "maxsize" if value.isascii() and value.isdigit():
                parts["max"] = int(value)
            case "timeout":
                parts["timeout"] = float(value) if _NUMBER.fullmatch(value) else value
            case "schema" if dialect == "postgres":
                parts["schema"] = value
            case "ssl" if dialect != "sqlite" and value in {"true", "1"}:
                parts["ssl"] = True
            case "ssl" | "sslmode" if dialect == "postgres":
                parts["ssl"] = value
            case _:
                known = {
                    "postgres": "max, timeout, schema, sslmode, ssl=true",
                    "mysql": "max, timeout, ssl=true",
                    "sqlite": "max, timeout",
                }[dialect]
                raise Wrong(f"has a query parameter that {dialect} does not take here; allowed are {known}")
    return parts


def _checked(**parts: Any) -> Database:
    dialect = parts.setdefault("dialect", "postgres")
    if dialect not in ("postgres", "mysql", "sqlite"):
        raise Wrong(f"has the dialect {dialect!r}; allowed are postgres, mysql and sqlite")
    each(lambda check: check(parts), (_check_texts, _check_place, _check_pool, _check_ssl))
    return Database(**parts)


def _check_texts(parts: dict[str, Any]) -> None:
    def text(name: str) -> None:
        if not isinstance(parts.get(name), str | None):
            raise Wrong(f"has a {name} that is a {type(parts[name]).__name__}; it must be a string")

    each(text, ("database", "host", "user", "password", "schema"))
    if not parts.get("database"):
        raise Wrong("names no database" if parts["dialect"] != "sqlite" else "names no file; give sqlite://path")


def _check_place(parts: dict[str, Any]) -> None:
    if parts["dialect"] == "sqlite":
        each(lambda name: _refuse_server_part(parts, name), ("host", "port", "user", "password", "schema", "ssl"))
    else:
        parts["host"] = parts.get("host") or "127.0.0.1"
        parts["port"] = _whole(parts.get("port") or _PORTS[parts["dialect"]], "port", 65535)


def _check_pool(parts: dict[str, Any]) -> None:
    parts["max"] = _whole(parts.get("max", 10), "max", 1000)
    parts["timeout"] = _timeout(parts.get("timeout", 5.0))


def _refuse_server_part(parts: Mapping[str, Any], name: str) -> None:
    if parts.get(name) is not None:
        raise Wrong(f"has a {name}, which SQLite does not take")


def _whole(value: object, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        given = value if isinstance(value, int) else f"a {type(value).__name__}"
        raise Wrong(f"has a {name} that is {given}; it must be a whole number from 1 to {most}")
    return value


def _timeout(value: object) -> float:
    try:
        return duration(least=0.1, most=300.0)(value)
    except Wrong as wrong:
        raise Wrong(f"has a timeout that {wrong}") from None


def _check_ssl(parts: Mapping[str, Any]) -> None:
    value, dialect = parts.get("ssl"), parts["dialect"]
    if isinstance(value, SSLContext) or dialect == "sqlite":  # which takes none, as has been said
        return
    allowed: tuple[object, ...] = (None, True, False) if dialect == "mysql" else (None, True, False, *_SSL_MODES)
    if not any(value is a or (isinstance(value, str) and value == a) for a in allowed):
        raise Wrong(
            f"has an ssl that {dialect} does not take"
            + (f"; allowed are {', '.join(_SSL_MODES)}" if dialect == "postgres" else "")
        )
