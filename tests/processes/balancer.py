"""A round-robin over TCP: each connection goes to the next backend, byte for byte.

What it does is what nginx does with `proxy_next_upstream error` and no `keepalive` to its upstreams:

- a backend that is draining gets no new connection; those that it has go on;
- a connection that a backend refuses goes to the next one, since nothing of the request was sent;
- everything else that goes wrong with a backend reaches the client: no request is ever sent twice.

With clients that close each connection after one request it is a round-robin by request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress


class Balancer:
    """Listens on a port of its own from `start` to `close`.

    Attributes:
        port: where it listens.
        connections: how many each backend was given so far.
        refused: how many a backend refused, which the next one got.
    """

    def __init__(self, backends: Iterable[int] = ()) -> None:
        self.port = 0
        self.connections: Counter[int] = Counter()
        self.refused = 0
        self._backends = list(backends)
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def drain(self, backend: int) -> None:
        """Give it no new connection."""
        self._backends.remove(backend)

    def add(self, backend: int) -> None:
        self._backends.append(backend)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._carrying.add(task)
        ends = [writer]
        try:
            answers, request = await self._connect()
            ends.append(request)
            await asyncio.gather(_pump(reader, request), _pump(answers, writer))
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            for end in ends:
                end.close()
            await asyncio.gather(*(end.wait_closed() for end in ends), return_exceptions=True)
            self._carrying.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(len(self._backends)):
            backend = self._backends.pop(0)
            self._backends.append(backend)
            self.connections[backend] += 1
            try:
                return await asyncio.open_connection("127.0.0.1", backend)
            except ConnectionRefusedError:
                self.refused += 1
        raise ConnectionRefusedError


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything from one to the other, its end too; where one breaks, so does the other."""
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        with suppress(OSError):
            sink.write_eof()
    except OSError:
        sink.transport.abort()
