"""A TCP proxy before a database server, which a test can take down and bring back."""

import asyncio
import socket
import struct
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)  # closing sends RST, not FIN


class Proxy:
    """Listens on `port` and forwards to a server, until it is told otherwise.

    Attributes:
        delay: seconds before each piece is passed on, in either direction.
        cuts_every: resets a connection when the server has answered, in the middle of that answer, with every so
            many answers: what was asked for is done, and nobody is told.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.delay = 0.0
        self.cuts_every = 0
        self._answers = 0
        self._buried: set[asyncio.StreamWriter] = set()

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._tasks)

    async def start(self) -> None:
        """Accept connections again, on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections, cut those that are open."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def swallow(self) -> None:
        """Accept everything, forward nothing: a network that drops packets."""
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again, what was held back too."""
        self._flowing.set()

    def bury(self) -> None:
        """The connections that are open now never hear anything again, nor does the server of them: a router that
        forgot them. New ones are forwarded.
        """
        self._buried |= self._writers

    async def _serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection(*self._target)
                self._writers.add(there_writer)
                await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer, of_server=True))
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)

    def _cuts(self) -> bool:
        self._answers += 1
        return self.cuts_every > 0 and self._answers % self.cuts_every == 0

    async def _pump(self, reader, writer, *, of_server=False) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                if writer in self._buried:
                    continue
                if self.delay:
                    await asyncio.sleep(self.delay)
                if of_server and self._cuts():
                    writer.write(data[: len(data) // 2])
                    await asyncio.sleep(0)
                    _reset(writer)
                    break
                writer.write(data)
                await writer.drain()
        self._writers.discard(writer)
        self._buried.discard(writer)
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
