"""How callers show who they are: what the configuration accepts, and what an endpoint asks for."""

from __future__ import annotations

from typing import Any, Final

from sentri.config.options import ServerOptions
from sentri.web.endpoints.admission import API_KEY_HEADER
from sentri.web.endpoints.endpoint import BodyUse, Endpoint, Needs

__all__ = ["requirements", "security_schemes"]

Requirements = list[dict[str, list[str]]]

_BEARER: Final = "bearer"
_API_KEY: Final = "apiKey"
_ACCESS_COOKIE: Final = "accessCookie"
_REFRESH_COOKIE: Final = "refreshCookie"


def security_schemes(options: ServerOptions) -> dict[str, dict[str, Any]]:
    """Every scheme that the configuration accepts."""
    schemes: dict[str, dict[str, Any]] = {_BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    if options.access_cookie is not None:
        schemes[_ACCESS_COOKIE] = {"type": "apiKey", "in": "cookie", "name": options.access_cookie.name}
    if options.cookie is not None:
        schemes[_REFRESH_COOKIE] = {"type": "apiKey", "in": "cookie", "name": options.cookie.name}
    if options.api_key:
        schemes[_API_KEY] = {"type": "apiKey", "in": "header", "name": API_KEY_HEADER}
    return schemes


def requirements(endpoint: Endpoint, options: ServerOptions) -> Requirements:
    """What the endpoint asks for; an empty one among them says that it may be nothing."""
    match endpoint.needs:
        case Needs.API_KEY:
            return [{_API_KEY: []}] if options.api_key else []
        case Needs.USER | Needs.ADMIN:
            return _of_users(options)
        case Needs.NOTHING if endpoint.body_use is BodyUse.WITHOUT_COOKIE and options.cookie is not None:
            return [{_REFRESH_COOKIE: []}]
        case Needs.NOTHING if endpoint.body_use is BodyUse.IF_SENT:
            return [*_of_users(options), {}]
        case _:
            return []


def _of_users(options: ServerOptions) -> Requirements:
    accepted: Requirements = [{_BEARER: []}]
    if options.access_cookie is not None:
        accepted.append({_ACCESS_COOKIE: []})
        if options.cookie is not None:  # silent refresh
            accepted.append({_REFRESH_COOKIE: []})
    return accepted
