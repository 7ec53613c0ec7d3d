"""The shape of every answer: `{"error", "statusCode", "message", "data"}`, with a `code` where it failed."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from sentri.errors import SentriError

__all__ = ["failure", "named", "success"]

_NO_STORE: Final[Mapping[str, str]] = {hdrs.CACHE_CONTROL: "no-store"}
_INTERNAL: Final = "Something went wrong on the server."
_CODES: Final = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


def success(data: Any, message: str, status: int = 200) -> web.Response:
    """A 2xx answer that nobody may store."""
    body = {"error": False, "statusCode": status, "message": message, "data": data}
    return _answer(body, status, _NO_STORE)


def failure(error: SentriError) -> web.Response:
    """The answer to an error. A 401 carries the challenge that RFC 6750 section 3 asks for.

    What is wrong with the set-up is for the log, not for the caller.
    """
    message = _INTERNAL if error.code == "CONFIGURATION_ERROR" else error.message
    body = {"error": True, "statusCode": error.status_code, "code": error.code, "message": message, "data": None}
    headers = dict(_NO_STORE)
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        tried = error.code in {"TOKEN_INVALID", "TOKEN_EXPIRED"}
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer error="invalid_token"' if tried else "Bearer"
    return _answer(body, error.status_code, headers | dict(error.headers))


def named(error: Exception) -> SentriError:
    """The error that stands for any exception inside the sub-application; `INTERNAL_ERROR` for a surprise."""
    match error:
        case SentriError():
            return error
        case web.HTTPException():
            allow: dict[str, str] = {hdrs.ALLOW: error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
            code, phrase = _names_of(error.status)
            return SentriError(code, f"{phrase}.", error.status, headers=allow)
        case _:
            return SentriError("INTERNAL_ERROR", _INTERNAL)


def _names_of(status: int) -> tuple[str, str]:
    """The code and the phrase of a status; some that are in use, such as 499, are no standard's."""
    try:
        known = HTTPStatus(status)
    except ValueError:
        return f"HTTP_{status}", f"HTTP {status}"
    return _CODES.get(known, known.name), known.phrase


def _answer(body: dict[str, Any], status: int, headers: Mapping[str, str]) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers=headers, content_type="application/json")
