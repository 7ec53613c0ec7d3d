"""What the test process and a worker say to each other: pickles, one after the other.

Functions stay where they are. What travels is a number, and the worker asks for the function's answer.
"""

from __future__ import annotations

import asyncio
import copyreg
import io
import itertools
import pickle
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True)
class Function:
    """A function of the test process."""

    number: int


@dataclass(frozen=True)
class Call:
    """A worker asks for the answer of a function."""

    number: int
    function: Function
    arguments: tuple[Any, ...]
    named: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call returned, or raised."""

    number: int
    value: Any = None
    error: BaseException | None = None


class _Pickler(pickle.Pickler):
    """Read-only mappings travel, too: events have one."""

    dispatch_table = copyreg.dispatch_table | {MappingProxyType: lambda mapping: (MappingProxyType, (dict(mapping),))}


class Line:
    """One end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, message: Any) -> None:
        """Send a message; raises what pickle raises for one that cannot travel."""
        packed = io.BytesIO()
        _Pickler(packed, pickle.HIGHEST_PROTOCOL).dump(message)
        data = packed.getvalue()
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def hear(self) -> Any:
        """The next message; None where the other end is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def close(self) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


def without_functions(value: Any, kept: list[Callable[..., Any]]) -> Any:
    """The value with a `Function` in place of each function in it, which is put into `kept`."""
    if isinstance(value, dict):
        return {name: without_functions(inner, kept) for name, inner in value.items()}
    if callable(value) and not isinstance(value, type):
        kept.append(value)
        return Function(len(kept) - 1)
    return value


def with_functions(value: Any, made: Callable[[Function], Callable[..., Awaitable[Any]]]) -> Any:
    """The value with what `made` makes of each `Function` in its place."""
    if isinstance(value, dict):
        return {name: with_functions(inner, made) for name, inner in value.items()}
    return made(value) if isinstance(value, Function) else value


class Asking:
    """The functions of the other end, to be awaited."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def function(self, asked: Function) -> Callable[..., Awaitable[Any]]:
        async def ask(*arguments: Any, **named: Any) -> Any:
            number = next(self._numbers)
            self._waiting[number] = asyncio.get_running_loop().create_future()
            self._line.say(Call(number, asked, arguments, named))
            return await self._waiting[number]

        return ask

    def take(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.number)
        if waiting.done():  # nobody waits any more
            return
        if answer.error is None:
            waiting.set_result(answer.value)
        else:
            waiting.set_exception(answer.error)
