"""How a cookie is set: its attributes, checked against what browsers accept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from sentri.config.reading import Wrong, each, optional, unknown_entry

__all__ = ["Cookie", "CookieConfig", "SameSite", "read_access_cookie", "read_refresh_cookie"]

SameSite = Literal["Strict", "Lax", "None"]

_SAME_SITE: Final[Mapping[str, SameSite]] = {"strict": "Strict", "lax": "Lax", "none": "None"}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_PATH: Final = re.compile(r"/[\x20-\x3a\x3c-\x7e]*", re.ASCII)
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_ATTRIBUTES: Final = frozenset(
    {"comment", "domain", "expires", "httponly", "max-age", "partitioned", "path", "samesite", "secure", "version"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieConfig:
    """The attributes of a cookie (RFC 6265bis). What is None takes the default of the cookie that it is for.

    Args:
        name: `refresh_token` or `access_token` by default.
        http_only: whether scripts cannot read it. Always True for the refresh cookie, False by default for the other.
        secure: whether it travels over https only; browsers take loopback for secure.
        same_site: `"Strict"`, `"Lax"` or `"None"`.
        path: where it is sent.
        domain: with its subdomains; by default the one host that set it.
    """

    name: str | None = None
    http_only: bool | None = None
    secure: bool = True
    same_site: SameSite = "Strict"
    path: str = "/"
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A `CookieConfig` whose defaults are filled in."""

    name: str
    http_only: bool
    secure: bool
    same_site: SameSite
    path: str
    domain: str | None


def read_refresh_cookie(value: object) -> Cookie:
    """The refresh cookie; raises `Wrong` for one that scripts could read."""
    return _read(value, {**_READERS, "http_only": _hidden}, name="refresh_token", http_only=True)


def read_access_cookie(value: object) -> Cookie:
    """The access cookie, which scripts may read unless `http_only` says otherwise."""
    return _read(value, _READERS, name="access_token", http_only=False)


def _read(value: object, readers: Mapping[str, Callable[[object], Any]], *, name: str, http_only: bool) -> Cookie:
    def entry(item: tuple[str, object]) -> tuple[str, Any]:
        attribute, given = item
        if attribute not in readers:
            raise unknown_entry(attribute, readers)
        return attribute, readers[attribute](given)

    given = _given(value)
    usual = CookieConfig(name=name, http_only=http_only)
    defaults = {attribute: getattr(usual, attribute) for attribute in readers}
    read = {attribute: found for attribute, found in each(entry, given.items()) if found is not None}
    cookie = Cookie(**{**defaults, **read})
    if contradiction := _contradiction(cookie):
        raise Wrong(contradiction)
    return cookie


def _given(value: object) -> dict[str, Any]:
    match value:
        case CookieConfig():
            return {field.name: getattr(value, field.name) for field in fields(CookieConfig)}
        case Mapping():
            return dict(value)
        case _:
            raise Wrong(f"is a {type(value).__name__}; give a sentri.CookieConfig or a mapping")


def _flag(attribute: str) -> Callable[[object], bool | None]:
    def read(value: object) -> bool | None:
        if not isinstance(value, bool | None):
            raise Wrong(f"has {attribute}={value!r}; it must be True or False")
        return value

    return read


def _hidden(value: object) -> bool | None:
    if value is False:
        raise Wrong("has http_only=False; no configuration makes a refresh token readable by scripts")
    return _flag("http_only")(value)


def _same_site(value: object) -> SameSite:
    known = _SAME_SITE.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise Wrong(f"has same_site={value!r}; allowed are 'Strict', 'Lax' and 'None'")
    return known


def _matching(form: re.Pattern[str], part: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not form.fullmatch(value) or value.lower() in _ATTRIBUTES:
            raise Wrong(f"has {part}={value!r}, which is no cookie {part}")
        return value

    return read


_READERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "name": optional(_matching(_NAME, "name")),
    "http_only": _flag("http_only"),
    "secure": _flag("secure"),
    "same_site": _same_site,
    "path": _matching(_PATH, "path"),
    "domain": optional(_matching(_DOMAIN, "domain")),
}


def _contradiction(cookie: Cookie) -> str | None:
    """What browsers would drop without a word (RFC 6265bis, sections 4.1.3 and 5.7)."""
    name = cookie.name.lower()
    if cookie.same_site == "None" and not cookie.secure:
        return "has same_site='None' without secure; browsers drop such a cookie"
    if name.startswith(("__host-", "__secure-")) and not cookie.secure:
        return f"has the name {cookie.name!r} without secure; browsers drop such a cookie"
    if name.startswith("__host-") and (cookie.domain is not None or cookie.path != "/"):
        return f"has the name {cookie.name!r}, which allows no domain and only the path '/'"
    return None
