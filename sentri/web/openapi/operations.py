"""One row of the table as an OpenAPI operation: what it takes."""

from __future__ import annotations

from typing import Any, Final

from sentri.config.options import ServerOptions
from sentri.web.endpoints.endpoint import BodyUse, Endpoint
from sentri.web.openapi.responses import responses
from sentri.web.openapi.schemas import Schema, Schemas
from sentri.web.openapi.security import requirements

__all__ = ["operation"]

_IDEMPOTENCY_KEY: Final[Schema] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key gets the first answer, where the application has the idempotency "
    "middleware.",
    "schema": {"type": "string", "pattern": r'^([\x21\x23-\x7e][\x21-\x7e]{0,254}|"[\x21\x23-\x5b\x5d-\x7e]{1,255}")$'},
}


def operation(endpoint: Endpoint, options: ServerOptions, schemas: Schemas) -> Schema:
    """The operation of an endpoint, as it is configured."""
    described: Schema = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "security": requirements(endpoint, options),
        "responses": responses(endpoint, options, schemas),
    }
    if parameters := _parameters(endpoint, schemas):
        described["parameters"] = parameters
    if (body := _body(endpoint, options, schemas)) is not None:
        described["requestBody"] = body
    return described


def _parameters(endpoint: Endpoint, schemas: Schemas) -> list[Schema]:
    found: list[Schema] = []
    for place, kind in (("path", endpoint.path_type), ("query", endpoint.query)):
        if kind is not None:
            found += [
                {"name": name, "in": place, "required": required, "schema": schema}
                for name, schema, required in schemas.fields(kind)
            ]
    return [*found, _IDEMPOTENCY_KEY] if endpoint.takes_keys else found


def _body(endpoint: Endpoint, options: ServerOptions, schemas: Schemas) -> dict[str, Any] | None:
    if endpoint.body is None or (endpoint.body_use is BodyUse.WITHOUT_COOKIE and options.cookie is not None):
        return None
    return {
        "required": endpoint.body_use is not BodyUse.IF_SENT,
        "content": {"application/json": {"schema": schemas.of(endpoint.body)}},
    }
