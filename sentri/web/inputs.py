"""Request bodies: parsed once, strictly, into typed values."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from sentri.errors import SentriError

__all__ = [
    "MOST_BODY_BYTES",
    "IdentifierBody",
    "LoginBody",
    "LogoutBody",
    "PasswordBody",
    "RefreshBody",
    "RegisterBody",
    "RolesBody",
    "read_body",
]

MOST_BODY_BYTES: Final = 64 * 1024
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_WRONG_TYPE: Final = re.compile(r"Expected `(\w+)(?: \| \w+)?`, got `(\w+)`(?: - at `\$\.(\w+)(.*)`)?")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A JSON object with exactly these fields. The repr shows none of them: some are secrets."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class RegisterBody(Body, frozen=True):
    identifier: str
    password: str
    roles: list[str] | msgspec.UnsetType = msgspec.UNSET


class LoginBody(Body, frozen=True):
    identifier: str
    password: str


class RefreshBody(Body, frozen=True):
    refresh_token: str


class LogoutBody(Body, frozen=True):
    refresh_token: str | msgspec.UnsetType = msgspec.UNSET


class IdentifierBody(Body, frozen=True):
    identifier: str
    current_password: str | msgspec.UnsetType = msgspec.UNSET


class PasswordBody(Body, frozen=True):
    current_password: str
    new_password: str


class RolesBody(Body, frozen=True):
    roles: list[str]


B = TypeVar("B", bound=Body)


async def read_body(request: web.Request, form: type[B]) -> B:
    """The request's JSON body.

    Raises `UNSUPPORTED_MEDIA_TYPE` (415) for anything but uncompressed UTF-8 `application/json`, `PAYLOAD_TOO_LARGE`
    (413) over 64 KiB, and `VALIDATION_ERROR` (400), which names the field and shows no value, for the rest.
    """
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in {"utf-8", "utf8"}:
        raise SentriError("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json in UTF-8.")
    if hdrs.CONTENT_ENCODING in request.headers:
        raise SentriError("UNSUPPORTED_MEDIA_TYPE", "The body must not be compressed (no Content-Encoding).")
    raw = await _read_limited(request)
    try:
        return msgspec.json.decode(raw, type=form)
    except msgspec.ValidationError as error:
        raise SentriError("VALIDATION_ERROR", _explained(str(error))) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise SentriError("VALIDATION_ERROR", "body: is not valid JSON in UTF-8.") from None


async def _read_limited(request: web.Request) -> bytes:
    """The body, if it is not too large: aiohttp ignores the `client_max_size` of a sub-application."""
    if (request.content_length or 0) > MOST_BODY_BYTES:
        raise _too_large()
    received = bytearray()
    try:
        if request.content_length is not None or not request.can_read_body:
            received += await request.read()  # keeps what a middleware of the host's has read already
        async for chunk in request.content.iter_any():
            received += chunk
            if len(received) > MOST_BODY_BYTES:
                raise _too_large()
    except (ConnectionError, web.RequestPayloadError):  # the client's doing: no surprise that belongs in the log
        raise SentriError("VALIDATION_ERROR", "body: did not arrive as a whole.") from None
    if len(received) > MOST_BODY_BYTES:
        raise _too_large()
    return bytes(received)


def _too_large() -> SentriError:
    return SentriError("PAYLOAD_TOO_LARGE", f"The body must have at most {MOST_BODY_BYTES} bytes.")


def _explained(finding: str) -> str:
    """Msgspec's finding in our words: the field, what is expected, and nothing of what was sent.

    A finding is read from its beginning only: further on it may quote the name of a field that the caller chose.
    """
    if missing := _MISSING.match(finding):
        return f"{missing[1]}: is required."
    if unknown := _UNKNOWN.match(finding):
        name = unknown[1] if _PLAIN_NAME.fullmatch(unknown[1]) else "body"
        return f"{name}: is not a field of this request." if name != "body" else "body: has an unknown field."
    if wrong := _WRONG_TYPE.match(finding):
        words = {"str": "a string", "array": "a list", "object": "a JSON object"}
        expected = words.get(wrong[1], wrong[1])
        where = wrong[3] or "body"
        inside = "must hold only values that are" if wrong[4] else "must be"
        return f"{where}: {inside} {expected}."
    return "body: does not have the expected form."
