"""Responses as they are kept, and as they are given again."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import hdrs, payload, web
from multidict import CIMultiDict

from sentri.idempotency.record import Answer

__all__ = ["REPLAYED", "answer_of", "response_of"]

REPLAYED: Final = "Idempotent-Replayed"
# Of the connection (RFC 9110, section 7.6.1), of the moment, or of the browser that asked first.
_DROPPED: Final = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "idempotent-replayed",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-connection",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_IN_MEMORY: Final = (payload.BytesPayload, payload.BytesIOPayload)


async def answer_of(response: web.StreamResponse, *, max_body: int, no_store_too: bool) -> Answer | None:
    """The answer that can be kept of a 2xx response; None for a stream, one that is too large, or `no-store`.

    Args:
        response: what a handler returned or raised.
        max_body: bytes.
        no_store_too: whether `Cache-Control: no-store` does not count: sentri's own endpoints send it with everything.
    """
    if not isinstance(response, web.Response) or response.prepared:
        return None
    marked = not no_store_too and hdrs.CACHE_CONTROL in response.headers
    if marked and "no-store" in _listed(response, hdrs.CACHE_CONTROL):
        return None
    body = response.body
    if isinstance(body, _IN_MEMORY):
        if body.size is None or body.size > max_body:
            return None
        body = await body.as_bytes()
    if not isinstance(body, bytes | bytearray | None) or len(body or b"") > max_body:
        return None
    dropped = _DROPPED
    if hdrs.CONNECTION in response.headers:
        dropped |= _listed(response, hdrs.CONNECTION)
    headers = tuple([(str.__str__(n), v) for n, v in response.headers.items() if n.lower() not in dropped])
    if not _is_unicode(response.reason or "", *(value for _, value in headers)):
        return None
    return Answer(
        status=response.status,
        reason=response.reason,
        headers=headers,
        body=None if body is None else bytes(body),
        compressed=response.compression,
    )


def response_of(answer: Answer) -> web.Response:
    """The response that gives an answer again, and says so."""
    headers = CIMultiDict(answer.headers)
    headers[REPLAYED] = "true"
    response = web.Response(status=answer.status, reason=answer.reason, headers=headers, body=answer.body)
    if answer.compressed:
        response.enable_compression()
    return response


def _is_unicode(*texts: str) -> bool:
    """Whether there are no lone surrogates, which no store takes."""
    text = "".join(texts)
    return text.isascii() or not _SURROGATES.search(text)


def _listed(response: web.StreamResponse, header: str) -> set[str]:
    """The members of a list header, in lower case."""
    return {name.strip().lower() for value in response.headers.getall(header, ()) for name in value.split(",")}
