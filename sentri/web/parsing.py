"""Untrusted input, parsed once at the edge, strictly, into typed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from sentri.errors import SentriError
from sentri.web.explaining import explained
from sentri.web.inputs import Body, Input, Path, Query

__all__ = ["MOST_BODY_BYTES", "read_body", "read_path", "read_query"]

MOST_BODY_BYTES: Final = 64 * 1024
B = TypeVar("B", bound=Body)
Q = TypeVar("Q", bound=Query)
P = TypeVar("P", bound=Path)
I = TypeVar("I", bound=Input)  # noqa: E741 - one letter, as the others


async def read_body(request: web.Request, form: type[B], *, most: int = MOST_BODY_BYTES) -> B:
    """The request's JSON body.

    Raises `UNSUPPORTED_MEDIA_TYPE` (415) for anything but uncompressed UTF-8 `application/json`, `PAYLOAD_TOO_LARGE`
    (413) over `most` bytes, and `VALIDATION_ERROR` (400), which names the field and shows no value, for the rest.
    """
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in {"utf-8", "utf8"}:
        raise SentriError("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json in UTF-8.")
    if hdrs.CONTENT_ENCODING in request.headers:
        raise SentriError("UNSUPPORTED_MEDIA_TYPE", "The body must not be compressed (no Content-Encoding).")
    raw = await _read_limited(request, most)
    try:
        return msgspec.json.decode(raw, type=form)
    except msgspec.ValidationError as error:
        raise SentriError("VALIDATION_ERROR", explained(str(error), "body")) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise SentriError("VALIDATION_ERROR", "body: is not valid JSON in UTF-8.") from None


def read_query(request: web.Request, form: type[Q]) -> Q:
    """The request's query. Raises `VALIDATION_ERROR` for an unknown parameter, one that is there twice, or a value
    that is none; it names the parameter and shows no value.
    """
    query = request.rel_url.query
    if len(query) != len(set(query)):
        raise SentriError("VALIDATION_ERROR", "query: has a parameter more than once.")
    return _converted(query, form, "query")


def read_path(request: web.Request, form: type[P]) -> P:
    """What stands in the open places of the request's path. Raises `VALIDATION_ERROR` that names the place."""
    return _converted(request.match_info, form, "path")


def _converted(given: Mapping[str, str], form: type[I], place: str) -> I:
    try:
        return msgspec.convert(dict(given), type=form, strict=False)
    except msgspec.ValidationError as error:
        raise SentriError("VALIDATION_ERROR", explained(str(error), place)) from None


async def _read_limited(request: web.Request, most: int) -> bytes:
    """The body, if it is not too large: aiohttp ignores the `client_max_size` of a sub-application."""
    if (request.content_length or 0) > most:
        raise _too_large(most)
    received = bytearray()
    try:
        if request.content_length is not None or not request.can_read_body:
            received += await request.read()  # keeps what a middleware of the host's has read already
        async for chunk in request.content.iter_any():
            received += chunk
            if len(received) > most:
                raise _too_large(most)
    except (ConnectionError, web.RequestPayloadError):  # the client's doing: no surprise that belongs in the log
        raise SentriError("VALIDATION_ERROR", "body: did not arrive as a whole.") from None
    if len(received) > most:
        raise _too_large(most)
    return bytes(received)


def _too_large(most: int) -> SentriError:
    return SentriError("PAYLOAD_TOO_LARGE", f"The body must have at most {most} bytes.")
