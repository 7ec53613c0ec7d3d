"""The host's handlers, the same for every contender."""

from __future__ import annotations

from aiohttp import web

__all__ = ["health", "order"]


async def health(_: web.Request) -> web.Response:
    """Cheap, and nobody has to be anybody."""
    return web.json_response({"ok": True})


async def order(request: web.Request) -> web.Response:
    """Reads its body and answers with JSON."""
    asked = await request.json()
    return web.json_response({"ok": True, "product": asked["product"]}, status=201)
