"""Turning exceptions into envelopes: everything inside sentri's sub-application, sentri's own in the host."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sentri.config.readers import callback
from sentri.config.reading import checked, optional
from sentri.errors import SentriError
from sentri.telling import Events
from sentri.web.client_address import Clients
from sentri.web.denials import place_of, source_of
from sentri.web.envelope import failure, named

__all__ = ["ErrorMiddleware", "OnUnhandled", "SubApplicationErrors"]

OnUnhandled = Callable[[web.Request, Exception], Any]
"""Told about an exception that nobody handled; plain or async. A response that it returns is sent instead."""


@web.middleware
class ErrorMiddleware:
    """Formats `SentriError` for the whole host application; leaves the host's own HTTP errors as they are.

    Any other exception is logged with its traceback and answered with 500 `INTERNAL_ERROR`, which says nothing of it.
    """

    def __init__(self, logger: logging.Logger, on_unhandled: OnUnhandled | None) -> None:
        checked("on_unhandled", optional(callback("request", "error")), on_unhandled)
        self._logger = logger
        self._on_unhandled = on_unhandled

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except SentriError as error:
            if _started(request):
                raise
            return self.refuse(request, error)
        except web.HTTPException:
            raise
        except Exception as error:
            if _started(request):
                raise
            return await self._unhandled(request, error)

    def refuse(self, request: web.Request, error: SentriError) -> web.StreamResponse:
        """The answer to an error of sentri's; a mistake of the program is logged."""
        if error.code == "CONFIGURATION_ERROR":
            self._logger.error("%s %s: %s", request.method, place_of(request), error.message)
        return failure(error)

    async def _unhandled(self, request: web.Request, error: Exception) -> web.StreamResponse:
        self._logger.error("Unhandled exception in %s %s", request.method, place_of(request), exc_info=error)
        if self._on_unhandled is not None:
            try:
                answer = self._on_unhandled(request, error)
                if inspect.isawaitable(answer):
                    answer = await answer
            except Exception:
                self._logger.exception("on_unhandled raised an exception itself")
            else:
                if isinstance(answer, web.StreamResponse):
                    return answer
        return failure(named(error))


@web.middleware
class SubApplicationErrors(ErrorMiddleware):
    """The same inside sentri's sub-application, where aiohttp's HTTP errors (404, 405, …) are enveloped too, and where
    what happens is told with the request that it happens in.
    """

    def __init__(
        self, logger: logging.Logger, on_unhandled: OnUnhandled | None, *, events: Events, clients: Clients
    ) -> None:
        super().__init__(logger, on_unhandled)
        self._events = events
        self._clients = clients

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await self._answered(request, handler)
        if hdrs.CONTENT_ENCODING in request.headers:
            # Behind the answer aiohttp decodes the rest of the body, and drops the connection where it cannot: a client
            # that is not told would lose its next request.
            response.force_close()
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            with self._events.coming_from(lambda: source_of(request, self._clients)):
                return await super().__call__(request, handler)
        except web.HTTPException as error:
            if _started(request) or error.status < 400:
                raise
            return failure(named(error))


def _started(request: web.Request) -> bool:
    """Whether a response has begun to leave: nothing can be put in its place any more."""
    writer = request.writer
    return writer.output_size > 0 or writer.length is not None or bool(getattr(writer, "chunked", False))
