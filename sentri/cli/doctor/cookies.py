"""Cookies that a browser would drop without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from sentri.cli.doctor.catalogue import Deployment, Finding
from sentri.config.cookies import Cookie
from sentri.config.options import ServerOptions

__all__ = ["cookie_findings"]

_MOST_BYTES: Final = 4096
"""Name, value and attributes of a cookie (RFC 6265bis, section 5.6, and what browsers do)."""
_LONGEST_IDENTIFIER: Final = 255
_ID: Final = "00000000-0000-0000-0000-000000000000"
_SIGNATURE_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64, "ES256": 64, "Ed25519": 64}
_RSA_BYTES: Final = 256


def cookie_findings(options: ServerOptions, deployment: Deployment) -> Iterator[Finding]:
    """The pitfalls of the refresh and the access cookie."""
    for option, cookie in (("cookie", options.cookie), ("access_cookie", options.access_cookie)):
        if cookie is not None:
            yield from _of_place(option, cookie, deployment.url)
    if options.access_cookie is not None:
        size = len(options.access_cookie.name) + largest_access_token(options) + 100  # the attributes
        if size > _MOST_BYTES:
            yield Finding(
                "cookie-too-large",
                f"The access cookie of a user with every role has about {size} bytes; browsers drop more than "
                f"{_MOST_BYTES}.",
            )


def largest_access_token(options: ServerOptions) -> int:
    """Bytes of the access token of somebody who has every role and a long name of plain letters, roughly."""
    header = {"alg": options.algorithm, "typ": "at+jwt", "kid": "k" * 43}
    claims = {
        "sub": _ID,
        "sid": _ID,
        "identifier": "i" * _LONGEST_IDENTIFIER,
        "roles": options.valid_roles,
        "iat": 10**9,
        "exp": 10**9,
        "jti": "j" * 22,
        "iss": options.issuer,
        "aud": options.audience,
    }
    signature = _SIGNATURE_BYTES.get(options.algorithm, _RSA_BYTES)
    parts = (len(json.dumps(header).encode()), len(json.dumps(claims, ensure_ascii=False).encode()), signature)
    return sum(-(-part * 4 // 3) for part in parts) + 2


def _of_place(option: str, cookie: Cookie, url: str | None) -> Iterator[Finding]:
    domain = (cookie.domain or "").lstrip(".").lower()
    if domain and "." not in domain and domain != "localhost":
        yield Finding("cookie-dropped", f"{option} has the domain {domain!r}, which everybody below it would share.")
        return
    if url is None:
        if not cookie.secure:
            yield Finding("cookie-over-http", f"{option} has secure=False: it travels where anybody on the way reads.")
        return
    where = urlsplit(url)
    host, local = (where.hostname or "").lower(), _is_loopback(where.hostname or "")
    if domain and host != domain and not host.endswith(f".{domain}"):
        yield Finding("cookie-dropped", f"{option} has the domain {domain!r}, and {host} is not in it.")
    if cookie.secure and where.scheme == "http" and not local:
        yield Finding("cookie-dropped", f"{option} is Secure, and {url} is not https.")
    if not cookie.secure and not local:
        yield Finding("cookie-over-http", f"{option} has secure=False: it travels where anybody on the way reads it.")
    # An address without a path says which host it is, and not where on it the endpoints are.
    if where.path.strip("/") and not _is_below(where.path, cookie.path):
        yield Finding("cookie-dropped", f"{option} has the path {cookie.path!r}, and {where.path} is not below it.")


def _is_below(path: str, cookie_path: str) -> bool:
    """Whether a browser sends a cookie of the one path to the other (RFC 6265, section 5.1.4)."""
    return f"{path.rstrip('/')}/".startswith(f"{cookie_path.rstrip('/')}/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
