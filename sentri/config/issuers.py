"""Whose tokens client mode trusts, and where their keys are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from yarl import URL

from sentri.config import readers
from sentri.config.reading import Wrong, each, scheme_of, unknown_entry

__all__ = ["ClaimPath", "KeyUri", "TrustedIssuer", "read_issuers", "read_key_uri"]

ClaimPath = tuple[str, ...]
"""Where a claim is: its name, or the names on the way to it through nested objects."""

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Another server whose access tokens are accepted, as `create_auth(mode="client", trusted_issuers=[…])` takes it.

    Args:
        issuer: the `iss` of its tokens, to the letter.
        key_uri: where its JWK set is; as the client's own `key_uri`.
        audience: one of them has to be in `aud`. Required with `lenient_typ`: an ID token is no access token.
        roles: the only roles of its tokens that count; none by default, so that a partner makes nobody an admin.
        lenient_typ: accept tokens whose `typ` is `JWT`, or that have none, as many servers write them. `sid` and roles
            may be missing then, ids need not be UUIDs, and a token without the identifier's claim goes by its `sub`.
        roles_claim: the claim that lists the roles; a tuple of names is a path, such as `("realm_access", "roles")`.
        identifier_claim: the claim that becomes `AuthUser.identifier`, such as `"email"`; a name or a path.
    """

    issuer: str
    key_uri: str
    audience: str | Sequence[str] | None = None
    roles: Sequence[str] = ()
    lenient_typ: bool = False
    roles_claim: str | Sequence[str] = "roles"
    identifier_claim: str | Sequence[str] = "identifier"

    def __repr__(self) -> str:
        """Where the keys are stays out of it: the address may hold a password."""
        return f"TrustedIssuer(issuer={self.issuer!r}, audience={self.audience!r}, roles={self.roles!r})"


@dataclass(frozen=True, slots=True, repr=False)
class KeyUri:
    """The address of a JWK set. It shows itself without user information and query."""

    address: str

    def __str__(self) -> str:
        parts = urlsplit(self.address)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    __repr__ = __str__

    def place(self) -> tuple[str, str, int, str]:
        """Where it leads, however it is written: whoever answers there answers for every issuer with this place."""
        url = URL(self.address)
        return url.scheme, url.host or "", url.port or 0, url.raw_path_qs

    @property
    def insecure(self) -> bool:
        """Whether anybody on the way could answer in its place: http, and not to this very machine."""
        parts = urlsplit(self.address)
        return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadIssuer:
    """A `TrustedIssuer`, checked."""

    issuer: str
    key_uri: KeyUri
    audience: tuple[str, ...] | None
    roles: tuple[str, ...]
    lenient_typ: bool
    roles_claim: ClaimPath
    identifier_claim: ClaimPath


def read_key_uri(value: object) -> KeyUri:
    """An https or http address. Whether http may be is decided with `allow_insecure_keys`."""
    if not isinstance(value, str):
        raise Wrong(f"is a {type(value).__name__}; it must be a URL such as 'https://auth.example.com/auth/keys'")
    try:
        parts = urlsplit(value) if _PRINTABLE.fullmatch(value) else SplitResult("", "", "", "", "")
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in ("https", "http") and parts.netloc:
        raise Wrong(f"{scheme_of(value)}; give a URL such as 'https://auth.example.com/auth/keys'")
    if parts.scheme not in ("https", "http") or not host:
        raise Wrong("is no http(s) URL; give one such as 'https://auth.example.com/auth/keys'")
    if ".." in host or host.startswith(".") or "@" in parts.path or not _is_sendable(parts):
        raise Wrong("has a host, a user or a password that cannot be sent (percent-encode special characters)")
    if parts.fragment:
        raise Wrong("has a # and something behind it, which no server ever sees")
    uri = KeyUri(value)
    try:
        uri.place()  # whether it can be read as whoever fetches it will read it
    except ValueError:
        raise Wrong("is a URL that cannot be fetched") from None
    return uri


def read_issuers(value: object) -> tuple[ReadIssuer, ...]:
    """A sequence of `TrustedIssuer` or mappings with its names; None is an empty one."""
    if value is None:
        return ()
    if isinstance(value, str | bytes | Mapping | TrustedIssuer) or not isinstance(value, Sequence):
        raise Wrong(f"is a {type(value).__name__}; it must be a sequence of sentri.TrustedIssuer")
    issuers = tuple(each(lambda numbered: _read_issuer(*numbered), enumerate(value)))
    names = [issuer.issuer for issuer in issuers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Wrong(f"names {twice} more than once")
    return issuers


def _read_issuer(position: int, entry: object) -> ReadIssuer:
    match entry:
        case TrustedIssuer():
            given = {name: getattr(entry, name) for name in _PARTS}
        case Mapping():
            given = dict(entry)
        case _:
            raise Wrong(f"has a {type(entry).__name__} in it; give sentri.TrustedIssuer(issuer, key_uri, audience)")
    names = [*given, *(name for name in _PARTS if name not in given)]
    try:
        values = dict(each(lambda name: (name, _read_part(given, name)), names))
    except Wrong as wrong:
        raise Wrong(*(f"[{position}]{finding}" for finding in wrong.findings)) from None
    if values["lenient_typ"] and values["audience"] is None:
        raise Wrong(f"[{position}] has lenient_typ without an audience: every ID token of the issuer would pass")
    return ReadIssuer(**values)


def _read_part(given: Mapping[str, Any], name: str) -> Any:
    if name not in _PARTS:
        raise Wrong(f" {unknown_entry(name, _PARTS)}")
    if name not in given and name not in _DEFAULTS:
        raise Wrong(f" has no {name}")
    try:
        return _PARTS[name](given.get(name, _DEFAULTS.get(name)))
    except Wrong as wrong:
        raise Wrong(*(f".{name} {finding}" for finding in wrong.findings)) from None


def _claim_path(value: object) -> ClaimPath:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, tuple | list) or not names or not all(isinstance(n, str) and n for n in names):
        raise Wrong(f"is {value!r}; it must be a claim's name, or a tuple of names that lead to it")
    return tuple(names)


_PARTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "issuer": readers.text,
    "key_uri": read_key_uri,
    "audience": lambda value: None if value is None else readers.audience(value),
    "roles": readers.role_names(),
    "lenient_typ": readers.flag,
    "roles_claim": _claim_path,
    "identifier_claim": _claim_path,
}
_DEFAULTS: Final = {field.name: field.default for field in fields(TrustedIssuer)[2:]}


def _is_sendable(parts: SplitResult) -> bool:
    """Whether HTTP can carry the user information (RFC 7617): Latin-1, and no colon in the name."""
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    return ":" not in name and all(ord(character) < 256 for character in name + password)


def _is_loopback(host: str) -> bool:
    """Whether the host is a literal address of this machine; a name, even `localhost`, may lead elsewhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
