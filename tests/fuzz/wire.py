"""HTTP by hand, over a plain socket: what no client library would send, and the answers as they come."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Answer", "Sent", "exchange"]

_PATIENCE: Final = 60.0  # seconds for an answer that has to come
_SILENCE: Final = 0.2  # seconds after which nobody waits any longer for an answer that may not come
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n")


@dataclass(frozen=True)
class Sent:
    """A request, byte by byte.

    Attributes:
        is_framed: whether its body ends where its headers say: then there has to be an answer.
    """

    method: str = "GET"
    target: str | bytes = "/"
    headers: Sequence[tuple[str | bytes, str | bytes]] = ()
    body: bytes = b""
    is_framed: bool = True

    @property
    def wire(self) -> bytes:
        head = [b"%s %s HTTP/1.1" % (_bytes(self.method), _bytes(self.target)), b"Host: 127.0.0.1"]
        head += [b"%s: %s" % (_bytes(name), _bytes(value)) for name, value in self.headers]
        return b"\r\n".join([*head, b"Connection: close", b"", self.body])

    def __repr__(self) -> str:
        return f"Sent({self.wire!r})"


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body, where it is JSON; else None."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            return None
        return json.loads(self.body)


def exchange(address: tuple[str, int], sent: Sent) -> list[Answer]:
    """Every answer to the request. None comes to one that is not framed, if the server waits for the rest of it."""
    with socket.create_connection(address, timeout=_PATIENCE) as connection:
        received = b""
        try:
            connection.sendall(sent.wire)
            if not sent.is_framed:
                received = _until_silence(connection)
                connection.shutdown(socket.SHUT_WR)
            received += _until_end(connection)
        except (BrokenPipeError, ConnectionResetError):  # it was refused before it had been sent
            received += _rest(connection)
    return list(_answers(received))


def _until_silence(connection: socket.socket) -> bytes:
    connection.settimeout(_SILENCE)
    try:
        return connection.recv(1 << 20)
    except TimeoutError:
        return b""
    finally:
        connection.settimeout(_PATIENCE)


def _until_end(connection: socket.socket) -> bytes:
    received = bytearray()
    while chunk := connection.recv(1 << 20):
        received += chunk
    return bytes(received)


def _rest(connection: socket.socket) -> bytes:
    try:
        return _until_end(connection)
    except OSError:
        return b""


def _answers(received: bytes) -> Iterable[Answer]:
    while match := _STATUS_LINE.match(received):
        head, _, rest = received[match.end() - 2 :].partition(b"\r\n\r\n")  # a 100 has no headers
        headers = dict(_header(line) for line in head.split(b"\r\n") if line)
        length = int(headers.get("content-length", len(rest)))
        if int(match[1]) in (204, 304):
            length = 0
        if int(match[1]) < 200:
            length = 0
        else:
            yield Answer(int(match[1]), headers, rest[:length])
        received = rest[length:]
    assert not received, f"what came is no HTTP: {received[:100]!r}"


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.strip().lower(), value.strip()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "surrogateescape")
