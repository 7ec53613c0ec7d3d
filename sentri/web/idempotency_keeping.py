"""What is kept for repeats of what a handler returned."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from sentri.idempotency.turns import Run
from sentri.web.gates import Ahead
from sentri.web.idempotency_answers import answer_of
from sentri.web.idempotency_keys import body_is_unknown

__all__ = ["Keeping", "is_success", "route_of"]

_MULTIPART: Final = "multipart/"


class Keeping:
    """Keeps answers that may be kept, marks as done what was done, and frees the keys of everything else.

    Args:
        max_body: bytes; the key of a larger answer is marked as done.
        logger: is told where a repeat will not get the answer, and why.
    """

    def __init__(self, *, max_body: int, logger: logging.Logger) -> None:
        self._max_body = max_body
        self._logger = logger
        self._has_told_of_streams = False

    async def keep(self, run: Run, ahead: Ahead, request: web.Request, response: object, *, no_store_too: bool) -> None:
        """End the run.

        Args:
            run: which ended with the response.
            ahead: what the guards of the request said beforehand.
            request: that was carried out.
            response: what the handler returned, whatever that is.
            no_store_too: whether an answer is kept that tells caches not to store it.
        """
        if response is None:  # which is no answer: aiohttp makes a 500 of it
            await run.drop()
        elif not isinstance(response, web.StreamResponse):  # what a middleware before us makes a response of
            await run.complete(None)
        elif not is_success(response):
            await run.drop()
        elif self._is_doubtful(ahead, request):
            await run.complete(None)
        else:
            try:
                answer = await answer_of(response, max_body=self._max_body, no_store_too=no_store_too)
            except Exception:  # a body of the host's own kind; the work is done all the same
                answer = None
                self._logger.exception(
                    "The answer of %s %s cannot be kept for repeats.", request.method, route_of(request)
                )
            await run.complete(answer)

    def _is_doubtful(self, ahead: Ahead, request: web.Request) -> bool:
        """Whether it can't be told who may have the answer, or which body it is for."""
        if ahead.surprised:
            self._logger.warning(
                "%s %s has a guard that cannot be seen from outside, in a decorator without functools.wraps or in a "
                "function that it calls, or one that found somebody else than beforehand: its answers are not kept for "
                "repeats.",
                request.method,
                route_of(request),
            )
        return ahead.surprised or self._has_unknown_body(request)

    def _has_unknown_body(self, request: web.Request) -> bool:
        is_unknown = body_is_unknown(request)
        if is_unknown and not request.content_type.startswith(_MULTIPART) and not self._has_told_of_streams:
            self._has_told_of_streams = True
            self._logger.warning(
                "%s %s: a middleware before the idempotency middleware has read the body from request.content, where "
                "nobody else finds it: answers are not kept for repeats. `await request.read()` leaves it there.",
                request.method,
                route_of(request),
            )
        return is_unknown


def is_success(response: web.StreamResponse) -> bool:
    """Whether what was asked for was done: 2xx."""
    return 200 <= response.status < 300


def route_of(request: web.Request) -> str:
    """The route's pattern: the raw path may hold what nobody should read in a log."""
    resource = request.match_info.route.resource
    return "an unknown path" if resource is None else resource.canonical
