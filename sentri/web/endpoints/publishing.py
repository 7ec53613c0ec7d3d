"""What everybody may know: the public keys, and what the endpoints are. To be cached, and read by any origin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web

from sentri.errors import SentriError
from sentri.web.endpoints.context import WebContext
from sentri.web.endpoints.endpoint import Call

__all__ = ["keys", "openapi"]


async def keys(context: WebContext, call: Call[None]) -> web.Response:
    """The JWK set, for everybody: other servers, caches before them, and scripts of any origin."""
    published = context.published()
    if published is None:
        raise SentriError("NOT_FOUND", "This server signs with a shared secret; it publishes no keys.")
    return _public(call.request, published, max_age=context.keys_max_age)


async def openapi(context: WebContext, call: Call[None]) -> web.Response:
    """The OpenAPI document of these very endpoints, as they are configured."""
    resource = call.request.match_info.route.resource
    place = "" if resource is None else resource.canonical.removesuffix(call.endpoint.path)
    return _public(call.request, context.described(place), max_age=context.keys_max_age)


def _public(request: web.Request, document: Mapping[str, Any], *, max_age: float) -> web.Response:
    body = msgspec.json.encode(document)
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {hdrs.CACHE_CONTROL: f"public, max-age={round(max_age)}", hdrs.ETAG: f'"{tag}"'}
    if not _answers_preflights(request):  # else the host tells for itself which origins may read it
        headers |= {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*", hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: "ETag"}
    if any(known.value in {tag, "*"} for known in request.if_none_match or ()):  # weakly: RFC 9110, 13.1.2
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=body, headers=headers, content_type="application/json")


def _answers_preflights(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    return resource is not None and any(route.method == hdrs.METH_OPTIONS for route in resource)
