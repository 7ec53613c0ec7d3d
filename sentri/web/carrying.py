"""Headers that leave with whatever response a request gets: plain, streamed, a file, a WebSocket, an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import hdrs, web
from multidict import CIMultiDict

__all__ = ["carry"]

Headers = Sequence[tuple[str, str]]


def carry(request: web.BaseRequest, headers: Callable[[], Awaitable[Headers]]) -> None:
    """Add headers to the response of this request, asked for in the moment in which it is written.

    aiohttp has no place that every response passes with its headers still open: `on_response_prepare` belongs to the
    root application, and a handler may raise, stream or upgrade. All of them end in the request's own writer, so for
    this one request its `write_headers` is led through here. A `Cache-Control` of ours replaces the handler's; a cookie
    that the handler set or cleared itself stays as it has it: a new login outlasts what its request refreshed.
    """
    writer = request.writer
    write_headers = writer.write_headers

    async def write_with_ours(status_line: str, theirs: CIMultiDict[str]) -> None:
        decided = {_cookie_name(cookie) for cookie in theirs.getall(hdrs.SET_COOKIE, ())}
        for name, value in await headers():
            if name == hdrs.CACHE_CONTROL:
                theirs[name] = value
            elif name != hdrs.SET_COOKIE or _cookie_name(value) not in decided:
                theirs.add(name, value)
        await write_headers(status_line, theirs)

    setattr(writer, "write_headers", write_with_ours)  # noqa: B010 - mypy takes an assignment to a method for a mistake


def _cookie_name(set_cookie: str) -> str:
    return set_cookie.partition("=")[0].strip()
