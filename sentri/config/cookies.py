"""How a cookie is set: its attributes, checked against what browsers accept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

from sentri.config.reading import Wrong, suggestion

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
    given = _given(value)
    if given.http_only is False:
        raise Wrong("has http_only=False; no configuration makes a refresh token readable by scripts")
    return _checked(given, name="refresh_token", http_only=True)


def read_access_cookie(value: object) -> Cookie:
    """The access cookie, which scripts may read unless `http_only` says otherwise."""
    return _checked(_given(value), name="access_token", http_only=False)


def _given(value: object) -> CookieConfig:
    match value:
        case CookieConfig():
            return value
        case Mapping():
            known = [field.name for field in fields(CookieConfig)]
            for name in value:
                if name not in known:
                    raise Wrong(f"has an unknown entry {name!r}{suggestion(name, known)}")
            return CookieConfig(**value)
        case _:
            raise Wrong(f"is a {type(value).__name__}; give a sentri.CookieConfig or a mapping")


def _checked(given: CookieConfig, *, name: str, http_only: bool) -> Cookie:
    for flag in ("http_only", "secure"):
        if not isinstance(getattr(given, flag), bool | None):
            raise Wrong(f"has {flag}={getattr(given, flag)!r}; it must be True or False")
    cookie = Cookie(
        name=_matching(given.name if given.name is not None else name, _NAME, "name"),
        http_only=http_only if given.http_only is None else given.http_only,
        secure=given.secure is not False,
        same_site=_same_site(given.same_site),
        path=_matching(given.path, _PATH, "path"),
        domain=None if given.domain is None else _matching(given.domain, _DOMAIN, "domain"),
    )
    if contradiction := _contradiction(cookie):
        raise Wrong(contradiction)
    return cookie


def _same_site(value: object) -> SameSite:
    known = _SAME_SITE.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise Wrong(f"has same_site={value!r}; allowed are 'Strict', 'Lax' and 'None'")
    return known


def _matching(value: object, form: re.Pattern[str], part: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value) or value.lower() in _ATTRIBUTES:
        raise Wrong(f"has {part}={value!r}, which is no cookie {part}")
    return value


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
