"""Four processes that serve the black-box suite, and a client that reaches them through a round-robin."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import TCPConnector, web
from aiohttp.abc import AbstractCookieJar
from aiohttp.test_utils import BaseTestServer, TestClient
from yarl import URL

from tests.processes.balancer import Balancer
from tests.processes.messages import Answer, Call, Line, without_functions
from tests.processes.shared_clock import SharedClock

HERE = Path(__file__).parent
PATIENCE = 60  # seconds, on a machine that does much else
COUNT = 4


class Fleet:
    """Started once for a test run: what a test asks for is made in processes that run already."""

    def __init__(self, folder: Path) -> None:
        self._sockets = [folder / f"{number}.socket" for number in range(COUNT)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, str(HERE / "worker_process.py"), str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
            )
            for path in self._sockets
        ]
        for process in self._processes:
            assert process.stdout.readline() == "ready\n", "a worker ended"

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    @asynccontextmanager
    async def serving(
        self, make: Callable[..., web.Application], options: Mapping[str, Any], clock: SharedClock | None = None
    ) -> AsyncIterator[list[int]]:
        """The ports of one application in each process."""
        functions: list[Callable[..., Any]] = []
        told = (make, without_functions(dict(options), functions), None if clock is None else clock.file)
        _must_travel(told)
        workers = [await Worker.reached(path, functions) for path in self._sockets]
        try:
            yield await asyncio.gather(*(worker.start(told) for worker in workers))
        finally:
            await asyncio.gather(*(worker.stop() for worker in workers))


class Worker:
    """The connection to one process: what it is told, and the functions that it asks for."""

    def __init__(self, line: Line, functions: Sequence[Callable[..., Any]]) -> None:
        self._line = line
        self._functions = functions
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        self._hearing = asyncio.create_task(self._hear())
        self._answering: set[asyncio.Task[None]] = set()

    @classmethod
    async def reached(cls, path: Path, functions: Sequence[Callable[..., Any]]) -> Worker:
        return cls(Line(*await asyncio.open_unix_connection(path)), functions)

    async def start(self, told: Any) -> int:
        """Its port. Raises what kept it from starting."""
        self._line.say(told)
        heard = await self._next()
        if isinstance(heard, BaseException):
            raise heard
        return heard

    async def stop(self) -> None:
        """When this returns, the application has closed everything."""
        self._line.say("stop")
        while await self._next() != "stopped":
            pass
        self._hearing.cancel()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(self._hearing, *self._answering, return_exceptions=True)
        await self._line.close()

    async def _next(self) -> Any:
        heard = await asyncio.wait_for(self._heard.get(), PATIENCE)
        assert heard is not None, "a worker ended"
        return heard

    async def _hear(self) -> None:
        while (message := await self._line.hear()) is not None:
            if isinstance(message, Call):
                task = asyncio.create_task(self._answer(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            else:
                self._heard.put_nowait(message)
        self._heard.put_nowait(None)

    async def _answer(self, call: Call) -> None:
        try:
            value = self._functions[call.function.number](*call.arguments, **call.named)
            answer = Answer(call.number, await value if inspect.isawaitable(value) else value)
        except Exception as error:  # noqa: BLE001 - raised where the function was asked for
            answer = Answer(call.number, error=error)
        self._line.say(answer)


def _must_travel(told: Any) -> None:
    try:
        pickle.dumps(told)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AssertionError(
            "these options or this application cannot go to another process: a test that needs objects of its own "
            "process asks for the fixture `in_process`"
        ) from error


class Balanced(BaseTestServer):
    """What aiohttp's test client takes for a server: a round-robin over processes."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__(scheme="http", port=balancer.port)
        self._root = URL(f"http://127.0.0.1:{balancer.port}")
        self._balancer = balancer

    async def start_server(self, loop: asyncio.AbstractEventLoop | None = None, **kwargs: Any) -> None:
        """It is started already."""

    async def close(self) -> None:
        await self._balancer.close()

    async def _make_runner(self, **kwargs: Any) -> web.BaseRunner:
        raise NotImplementedError


@asynccontextmanager
async def balanced(ports: Sequence[int], jar: AbstractCookieJar | None = None) -> AsyncIterator[TestClient]:
    """A client whose every request goes to the next of the ports, in a connection of its own."""
    balancer = Balancer(ports)
    await balancer.start()
    async with TestClient(Balanced(balancer), cookie_jar=jar, connector=TCPConnector(force_close=True)) as client:
        yield client
