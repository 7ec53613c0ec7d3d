"""The load: some connections that each send the next request as soon as the last one was answered."""

from __future__ import annotations

import gc
import math
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter

from benchmarks.traffic import Traffic

__all__ = ["Outcome", "connected", "drive", "percentile", "send"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one load.

    Attributes:
        requests: how many were answered.
        wrong: how many of them with something else than was to be measured.
        seconds: from the first request to the last answer.
        p50, p99: seconds from a request to its answer.
    """

    requests: int
    wrong: int
    seconds: float
    p50: float
    p99: float


def drive(
    port: int, traffic: Traffic, *, connections: int, seconds: float = math.inf, answers: float = math.inf
) -> Outcome:
    """Send `traffic` for so many seconds, or until it ends, and wait for what is under way then; or until there are
    so many answers, and leave the rest. Plain sockets: the server is to be what is busy.
    """
    with connected(port, connections) as sockets:
        return send(sockets, traffic, seconds=seconds, answers=answers)


@contextmanager
def connected(port: int, connections: int) -> Iterator[dict[int, socket.socket]]:
    """So many connections, by their file descriptors, closed in the end."""
    with ExitStack() as opened:
        made = [opened.enter_context(_connect(port)) for _ in range(connections)]
        yield {connection.fileno(): connection for connection in made}


def send(
    sockets: dict[int, socket.socket], traffic: Traffic, *, seconds: float = math.inf, answers: float = math.inf
) -> Outcome:
    """As `drive`, over connections that stay open."""
    gc.disable()
    try:
        return _drive(sockets, traffic, seconds, answers)
    finally:
        gc.enable()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them stays below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _drive(sockets: dict[int, socket.socket], traffic: Traffic, seconds: float, answers: float) -> Outcome:
    sent: dict[int, float] = {}
    taken: list[float] = []
    parts: dict[int, bytes] = {}
    wrong = 0
    with select.epoll(len(sockets)) as ready:
        begun = perf_counter()
        until = begun + seconds
        for number, connection in sockets.items():
            request = traffic.next()
            if request is None:  # asked again, it would begin the next round
                until = begun
                break
            ready.register(number, select.EPOLLIN)
            sent[number] = perf_counter()
            connection.sendall(request)
        while sent and len(taken) < answers:
            for number, _ in ready.poll():
                answer = parts.pop(number, b"") + _received(sockets[number])
                if not _is_whole(answer):
                    parts[number] = answer
                    continue
                now = perf_counter()
                taken.append(now - sent.pop(number))
                wrong += not traffic.accept(answer)
                request = traffic.next() if now < until else None
                if request is None:
                    until = begun
                    ready.unregister(number)
                    continue
                sent[number] = perf_counter()
                sockets[number].sendall(request)
        ended = perf_counter()
    return Outcome(len(taken), wrong, ended - begun, percentile(taken, 0.5), percentile(taken, 0.99))


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise SystemExit("the server closed a connection")
    return data


def _is_whole(answer: bytes) -> bool:
    """Whether the answer's head is there, and as much of its body as it announces."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = answer.find(b"\r\nContent-Length: ", 0, end)
    return at < 0 or len(answer) >= end + 4 + int(answer[at + 18 : answer.find(b"\r\n", at + 18)])
