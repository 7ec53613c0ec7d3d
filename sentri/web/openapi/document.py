"""The document as a whole."""

from __future__ import annotations

from typing import Any, Final

from sentri.config.options import ServerOptions
from sentri.web.endpoints.table import ENDPOINTS
from sentri.web.openapi.operations import operation
from sentri.web.openapi.schemas import Schemas
from sentri.web.openapi.security import security_schemes

__all__ = ["API_VERSION", "describe"]

API_VERSION: Final = "1"
"""Of the endpoints, not of the library: which version of it runs is nobody's business."""

_DESCRIPTION: Final = (
    "Users, sessions and tokens. Every answer is JSON; but for the public ones it is an envelope, and says "
    "`Cache-Control: no-store`. Decide by `code`: messages may change. What a schema cannot say is in its description."
)


def describe(options: ServerOptions, place: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the endpoints that such a server has, mounted under the path `place`."""
    listed = [endpoint for endpoint in ENDPOINTS if endpoint.offered(options) and endpoint.listed(options)]
    schemas = Schemas(options, listed)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(endpoint, options, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "sentri", "version": API_VERSION, "description": _DESCRIPTION},
        "servers": [{"url": place or "/"}],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": security_schemes(options)},
    }
