"""What identifies a keyed request: its key, whose it is, and what it says."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from aiohttp import StreamReader, hdrs, web

from sentri.errors import SentriError
from sentri.idempotency.record import Scope
from sentri.identity import AuthUser
from sentri.web.request_keys import OwnKey

__all__ = [
    "body_is_unknown",
    "caller_by_headers",
    "caller_named",
    "identity_of",
    "key_of",
    "verified_caller",
]

_MOST_CHARACTERS: Final = 255
_VISIBLE: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_QUOTED: Final = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"', re.ASCII)
_ESCAPED: Final = re.compile(r'\\(["\\])')
_UNKNOWN: Final[OwnKey[bool]] = OwnKey()


def key_of(request: web.BaseRequest, headers: Sequence[str]) -> str | None:
    """The key that one of the headers carries, bare or as a quoted string (RFC 8941, section 3.3.3); None without.

    Raises `VALIDATION_ERROR` for a malformed key, and for several that differ.
    """
    keys = {_unquoted(value.strip()) for name in headers for value in request.headers.getall(name, ())}
    if not keys:
        return None
    key = keys.pop()
    if keys:
        raise SentriError("VALIDATION_ERROR", f"{headers[-1]}: several keys were sent, and they differ.")
    if not _VISIBLE.fullmatch(key):
        raise SentriError(
            "VALIDATION_ERROR", f"{headers[-1]}: must have 1 to {_MOST_CHARACTERS} visible ASCII characters."
        )
    return key


def _unquoted(value: str) -> str:
    """The key itself; of what only begins like a quoted string nothing, which is no key."""
    if not value.startswith('"'):
        return value
    quoted = _QUOTED.fullmatch(value)
    return "" if quoted is None else _ESCAPED.sub(r"\1", quoted[1])


def verified_caller(*users: AuthUser) -> bytes:
    """The caller that an authenticated request comes from: all whom its auth objects found, mostly one."""
    return _digest(b"sentri.user", *(part for user in users for part in (user.issuer or "", user.id)))


def caller_named(name: str) -> bytes:
    """The caller that the host names itself."""
    return _digest(b"sentri.named", name)


def caller_by_headers(request: web.BaseRequest, address_of: Callable[[web.BaseRequest], str]) -> bytes:
    """The caller of a request that nobody authenticated: what it shows of itself, else its address."""
    headers = request.headers
    if hdrs.AUTHORIZATION not in headers and hdrs.COOKIE not in headers:
        return _digest(b"sentri.address", address_of(request))
    shown = (*headers.getall(hdrs.AUTHORIZATION, ()), "", *headers.getall(hdrs.COOKIE, ()))
    return _digest(b"sentri.headers", *shown)


async def identity_of(request: web.Request, caller: bytes, key: str) -> tuple[Scope, bytes]:
    """Where the key counts, and a fingerprint: what tells this body from another one.

    A multipart body is not read: its length and type stand for it. Where nothing does, `body_is_unknown` says so
    afterwards.

    The fingerprint is keyed with the idempotency key itself, which no store ever sees: who reads the store cannot try
    out what the body may have been, such as a password.
    """
    place = _packed(_place(request, caller, key))
    seal = blake2b(place, digest_size=32, person=b"sentri.seal").digest()
    said = await _said_by(request)
    fingerprint = blake2b(said, digest_size=32, key=seal, person=b"sentri.body").digest()
    return Scope(blake2b(place, digest_size=32, person=b"sentri.scope").digest(), caller), fingerprint


async def _said_by(request: web.Request) -> bytes:
    kind = request.content_type
    if kind.startswith("multipart/"):
        request[_UNKNOWN] = request.body_exists and request.content_length is None
        length = "unknown" if request.content_length is None else str(request.content_length)
        return f"{kind} {length}".encode(errors="surrogateescape")
    content = request.content
    body = await _body_of(request)
    # A middleware before us may have taken from the stream, and what it took is gone.
    request[_UNKNOWN] = len(body) < content.total_bytes
    return request.headers.get(hdrs.CONTENT_TYPE, "").strip().encode(errors="surrogateescape") + b"\0" + body


def body_is_unknown(request: web.Request) -> bool:
    """Whether the fingerprint cannot tell this body from another one: it came in pieces, or somebody has taken it."""
    return bool(request.get(_UNKNOWN))


async def _body_of(request: web.Request) -> bytes:
    """The body, which stays there for the handler, whether it reads the whole or the stream.

    Raises `PAYLOAD_TOO_LARGE` over the application's `client_max_size`, `VALIDATION_ERROR` for one that breaks off.
    """
    try:
        if not request.can_read_body:
            return await request.read()  # nothing, or what a middleware before us has read
        return await _peeked(request)
    except (ConnectionError, web.RequestPayloadError):
        raise SentriError("VALIDATION_ERROR", "body: did not arrive as a whole.") from None


async def _peeked(request: web.Request) -> bytes:
    content = request.content
    if content.is_eof():  # it came with the head, as most do
        body = content.read_nowait()
        _refuse_over(request.client_max_size, len(body))
    else:
        body = await _read(content, request.client_max_size)
    if body:
        _put_back(request, body)
    return body


async def _read(content: StreamReader, most: int) -> bytes:
    body = bytearray()
    while chunk := await content.readany():
        body += chunk
        _refuse_over(most, len(body))
    return bytes(body)


def _refuse_over(most: int, size: int) -> None:
    if most and size > most:
        raise SentriError("PAYLOAD_TOO_LARGE", f"The body must have at most {most} bytes.")


def _put_back(request: web.Request, body: bytes) -> None:
    """Give the request its body back, as if nobody had read it."""
    # Not `request.read()`, which keeps what it has read: a handler that reads the stream would find nothing there, and
    # the middlewares behind us could not clone the request. The one public way to fill a stream again, `unread_data`,
    # warns about itself, and warnings can be silenced for the whole process only.
    content = _Arrived(request.protocol, limit=len(body) + 1, loop=asyncio.get_running_loop())
    content.feed_data(body)
    content.feed_eof()
    request._payload = content  # noqa: SLF001 - as above
    request._cache["content"] = content  # noqa: SLF001
    if request.content is not content or not request.can_read_body:
        raise RuntimeError("this version of aiohttp keeps the body of a request elsewhere")


class _Arrived(StreamReader):
    """A body that is here as a whole: a client that hangs up takes nothing of it back."""

    def set_exception(self, exc: object, exc_cause: object = None) -> None:
        """Not for this one."""


def _place(request: web.Request, caller: bytes, key: str) -> tuple[str | bytes, ...]:
    # Method and path lead to one route, unless something else chooses among applications with the same paths.
    return caller, request.method, request.rel_url.raw_path_qs, key, *_rules(request)


def _rules(request: web.Request) -> Iterator[str]:
    """The rules that the request was routed by (`app.add_domain`), and the host that they chose by."""
    apps = request.match_info.apps
    if len(apps) == 1:
        return
    for outer, inner in itertools.pairwise(apps):
        for resource in outer.router.resources():
            if isinstance(resource, web.PrefixedSubAppResource):
                info = resource.get_info()
                if info["app"] is inner and "rule" in info:
                    yield from (info["rule"].canonical, request.host.lower())


def _digest(purpose: bytes, *parts: str | bytes) -> bytes:
    """32 bytes, different for different lists of parts and for different purposes."""
    return blake2b(_packed(parts), digest_size=32, person=purpose).digest()


def _packed(parts: Iterable[str | bytes]) -> bytes:
    """The parts, each behind its length: different bytes for different lists."""
    packed = bytearray()
    for part in parts:
        data = part.encode(errors="surrogateescape") if isinstance(part, str) else part
        packed += len(data).to_bytes(8, "big")
        packed += data
    return bytes(packed)
