"""Telling what came: a response in words that a failing test can show, never with a token."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from aiohttp import ClientResponse

__all__ = ["advice", "body_of", "described"]

_AIOHTTP_TEXT: Final = re.compile(r"\d{3}: [A-Za-z '-]{1,60}")
"""What aiohttp itself answers with: `404: Not Found`."""

_ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "UNAUTHORIZED": "The request carried no token, or its session has ended or its user is disabled: send it with "
        "a client of `await as_user(client)`; one that logged out has to be made anew.",
        "TOKEN_EXPIRED": "The access token has expired by the server's clock: refresh it (POST /auth/refresh), log in "
        "anew with as_user, or move the clock less far.",
        "TOKEN_INVALID": "The token is none of this auth object's: it was made with another key, issuer or audience, "
        "or is no access token. In client mode it has to come from the server of key_uri, and issuer and audience must "
        "be the same there.",
        "INVALID_CREDENTIALS": "There is no such user with this password: users of the kit have "
        "sentri_testing.PASSWORD unless create_user got another one.",
        "FORBIDDEN": "The user may not do this: give the roles that the guard asks for, as_user(client, roles=[…]). "
        "With cookies, an unsafe request from another site is refused so too: Sec-Fetch-Site, Origin, trusted_origins.",
        "REAUTHENTICATION_REQUIRED": "The login is older than reauth_within: log in anew with as_user, or send "
        "currentPassword.",
        "KEYS_UNAVAILABLE": "The application has no keys to verify tokens with: the fake auth server is down, answers "
        "with faults, or key_uri is not its address (FakeAuthServer.key_uri).",
        "SERVICE_UNAVAILABLE": "A database, or is_token_revoked, gave no answer: the reason is in the log (caplog).",
        "RATE_LIMITED": "There were too many attempts: move the clock on, or give the server rate_limit=False.",
        "INTERNAL_ERROR": "An exception was not handled: its traceback is in the log (caplog).",
        "CONFIGURATION_ERROR": "The application is wired wrongly: the log (caplog) says how.",
        "VALIDATION_ERROR": "The input was refused: the message names the field.",
        "NOT_FOUND": "Nothing is at this path: mind the prefix that auth.app() is mounted under.",
        "IDEMPOTENCY_MISMATCH": "The idempotency key was used with another body before: send a new one.",
    }
)
_STATUS_ADVICE: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "If that was a guard of sentri's, auth.error_middleware() is missing.",
        404: "Nothing is at this path, or the application's own handler says so.",
        405: "The route is there, but not for this method.",
        500: "The traceback is in the log (caplog). If it is a SentriError, auth.error_middleware() is missing.",
    }
)


async def body_of(response: ClientResponse) -> Any:
    """The JSON that came; None where it was none."""
    try:
        return json.loads(await response.read())
    except (ValueError, RecursionError):
        return None


async def described(response: ClientResponse) -> str:
    """One line: the request, the status, and what of the body is nobody's secret."""
    place = f"{response.method} {response.url.path} gave {response.status}"
    body = await body_of(response)
    if isinstance(body, dict) and isinstance(body.get("code"), str):
        return f"{place} {body['code']}: {str(body.get('message')).removesuffix('.')}"
    if isinstance(body, dict):
        return f"{place} with JSON that has {', '.join(map(repr, body)) or 'nothing in it'}"
    content = await response.read()
    kind = f"{response.content_type}, {len(content)} bytes" if content else "no body"
    text = content[:80].decode("utf-8", "replace").strip()
    return f"{place} ({kind}){f' {text!r}' if _AIOHTTP_TEXT.fullmatch(text) else ''}"


async def advice(response: ClientResponse) -> str:
    """What to do about a failure that was not expected; empty where nothing can be said."""
    body = await body_of(response)
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str) and code in _ADVICE:
        return _ADVICE[code]
    return "" if isinstance(code, str) else _STATUS_ADVICE.get(response.status, "")
