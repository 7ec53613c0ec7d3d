"""Every answer that an endpoint may give, by status: which codes, which headers, which body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from sentri.config.options import ServerOptions
from sentri.errors import SENTRI_ERROR_STATUS
from sentri.web.endpoints.endpoint import BodyUse, Endpoint, Needs
from sentri.web.openapi.schemas import Schema, Schemas

__all__ = ["codes_of", "responses"]

_ENVELOPE: Final = ("error", "statusCode", "message", "data")


def responses(endpoint: Endpoint, options: ServerOptions, schemas: Schemas) -> Schema:
    """Status → response, of every answer that the endpoint may give as it is configured."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes_of(endpoint, options)):
        by_status.setdefault(SENTRI_ERROR_STATUS[code], []).append(code)
    answers = dict(_successes(endpoint, options, schemas))
    answers |= {status: _failure(status, codes, options) for status, codes in by_status.items()}
    return {str(status): answers[status] for status in sorted(answers)}


def codes_of(endpoint: Endpoint, options: ServerOptions) -> set[str]:
    """The code of every failure that the endpoint may answer with."""
    codes = {"METHOD_NOT_ALLOWED", "INTERNAL_ERROR", *endpoint.errors}
    if not endpoint.bare:
        codes.add("SERVICE_UNAVAILABLE")
    codes |= _of_admission(endpoint, options) | _of_input(endpoint, options)
    if endpoint.limited and options.rate_limit is not None:
        codes.add("RATE_LIMITED")
    if endpoint.takes_keys:
        codes |= {"IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_MISMATCH", "VALIDATION_ERROR"}
    if endpoint.method != "GET" and _has_cookies(options):
        codes.add("FORBIDDEN")
    return codes


def _of_admission(endpoint: Endpoint, options: ServerOptions) -> set[str]:
    match endpoint.needs:
        case Needs.USER:
            return {"UNAUTHORIZED", "TOKEN_INVALID", "TOKEN_EXPIRED"}
        case Needs.ADMIN:
            return {"UNAUTHORIZED", "TOKEN_INVALID", "TOKEN_EXPIRED", "FORBIDDEN"}
        case Needs.API_KEY if options.api_key:
            return {"UNAUTHORIZED"}
        case _:
            return set()


def _of_input(endpoint: Endpoint, options: ServerOptions) -> set[str]:
    codes = {"VALIDATION_ERROR"} if endpoint.path_type or endpoint.query else set()
    reads_none = endpoint.body_use is BodyUse.WITHOUT_COOKIE and options.cookie is not None
    if endpoint.body is not None and not reads_none:
        codes |= {"VALIDATION_ERROR", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"}
    return codes


def _has_cookies(options: ServerOptions) -> bool:
    return options.cookie is not None or options.access_cookie is not None


def _successes(endpoint: Endpoint, options: ServerOptions, schemas: Schemas) -> Iterator[tuple[int, Schema]]:
    if endpoint.bare:
        headers = {"Cache-Control": _text("How long it may be kept."), "ETag": _text("To ask whether it has changed.")}
        yield (
            200,
            _response("Success.", {"type": "object"} if endpoint.data is dict else schemas.of(endpoint.data), headers),
        )
        yield 304, {"description": "What `If-None-Match` names is still right.", "headers": headers}
        return
    envelope = _envelope({"error": False, "statusCode": endpoint.status}, {"data": schemas.of(endpoint.data)})
    headers = {"Cache-Control": _no_store()}
    if (endpoint.sets_cookies or endpoint.clears_cookies) and _has_cookies(options):
        does = "Sets" if endpoint.sets_cookies else "Clears"
        headers["Set-Cookie"] = _text(f"{does} the cookies that are configured.")
    yield endpoint.status, _response("Success.", envelope, headers)


def _failure(status: int, codes: list[str], options: ServerOptions) -> Schema:
    code: Schema = {"type": "string"} if _has_codes_of_its_own(options) else {"enum": codes}
    envelope = _envelope({"error": True, "statusCode": status}, {"code": code, "data": {"type": "null"}})
    return _response(f"{HTTPStatus(status).phrase}: {', '.join(codes)}.", envelope, _headers_of(status))


def _has_codes_of_its_own(options: ServerOptions) -> bool:
    """Whether functions of the host's may answer with codes that nobody here knows."""
    return bool(options.router or options.identifier_validator or options.password_validator)


def _headers_of(status: int) -> dict[str, Schema]:
    match status:
        case 401:
            challenge = {"type": "string", "pattern": '^Bearer( error="invalid_token")?$'}
            return {"Cache-Control": _no_store(), "WWW-Authenticate": {"required": True, "schema": challenge}}
        case 405:
            return {"Cache-Control": _no_store(), "Allow": _text("The methods that there are.") | {"required": True}}
        case 429:
            return {"Cache-Control": _no_store(), "Retry-After": _seconds() | {"required": True}}
        case 409 | 503:
            return {"Cache-Control": _no_store(), "Retry-After": _seconds()}
        case _:
            return {"Cache-Control": _no_store()}


def _envelope(constants: Mapping[str, Any], properties: Mapping[str, Schema]) -> Schema:
    members = {name: {"const": value} for name, value in constants.items()}
    return {
        "type": "object",
        "properties": {**members, "message": {"type": "string"}, **properties},
        "required": sorted({*_ENVELOPE, *properties}),
        "additionalProperties": False,
    }


def _response(description: str, schema: Schema, headers: Mapping[str, Schema]) -> Schema:
    return {
        "description": description,
        "headers": dict(headers),
        "content": {"application/json": {"schema": schema}},
    }


def _no_store() -> Schema:
    return {"required": True, "schema": {"const": "no-store"}}


def _text(description: str) -> Schema:
    return {"description": description, "schema": {"type": "string"}}


def _seconds() -> Schema:
    return {"description": "Seconds after which to try again.", "schema": {"type": "integer", "minimum": 0}}
