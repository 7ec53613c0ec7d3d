"""Guards that are asked ahead of their turn: what stands before a handler, and what it said of a request.

Each guard around a handler is a gate. The idempotency middleware has every gate of the matched route pass the request
before it looks a key up; when the request then gets to the gate itself, that answer counts and it is not asked again.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final

from aiohttp import web

from sentri.identity import AuthUser
from sentri.web.request_keys import OwnKey

__all__ = ["Ahead", "Gate", "ask_ahead", "gates_around", "mark"]

_MARK: Final = "__sentri_gate__"


class Gate:
    """One guard around one handler.

    Args:
        enter: lets a request in, or raises what refuses it; None where it has nothing to say of it.
        inside: what it guards, to look for the gates behind it.
    """

    __slots__ = ("_enter", "inside")

    def __init__(self, enter: Callable[[web.Request], Awaitable[AuthUser | None]], inside: Any = None) -> None:
        self._enter = enter
        self.inside = inside

    async def enter(self, request: web.Request) -> None:
        """Return, or raise what refuses the request: what was said ahead, once; else it is asked now."""
        ahead = request.get(_AHEAD)
        if ahead is None or not ahead.take(self, request):
            await self._enter(request)

    async def ask(self, request: web.Request) -> AuthUser | None:
        """Ask it ahead of its turn."""
        return await self._enter(request)


class Ahead:
    """What gates said of a request ahead of their turn.

    Attributes:
        user: whom the innermost of them found.
        refusal: what the last one raised, if it let nobody in.
        surprised: whether the request came to a gate that nobody knew of.
    """

    __slots__ = ("_known", "_request", "_unused", "refusal", "surprised", "user")

    def __init__(self, request: web.Request) -> None:
        self._request = weakref.ref(request)
        self._known: set[Gate] = set()
        self._unused: dict[Gate, Exception | None] = {}
        self.user: AuthUser | None = None
        self.refusal: Exception | None = None
        self.surprised = False

    async def ask(self, gates: Iterable[Gate], request: web.Request) -> None:
        """Ask the gates in order, up to the first that refuses the request."""
        for gate in gates:
            self._known.add(gate)
            try:
                self.user = await gate.ask(request) or self.user
            except Exception as refusal:  # noqa: BLE001 - it is raised when its turn comes
                self.refusal = refusal
                self._unused[gate] = refusal
                return
            self._unused[gate] = None

    def take(self, gate: Gate, request: web.Request) -> bool:
        """Whether the gate has said something ahead that was not used yet: it let the request in. Raises its refusal.

        Of a clone, which may have other headers, nothing was said.
        """
        self.surprised = self.surprised or gate not in self._known
        if self._request() is not request or gate not in self._unused:
            return False
        refusal = self._unused.pop(gate)
        if refusal is not None:
            raise refusal
        return True


_AHEAD: Final[OwnKey[Ahead]] = OwnKey()


async def ask_ahead(request: web.Request, gates: Iterable[Gate]) -> Ahead:
    """Ask the gates ahead of their turn, and remember on the request what they said."""
    ahead = request[_AHEAD] = Ahead(request)
    await ahead.ask(gates, request)
    return ahead


def mark(guarded: Any, gate: Gate) -> None:
    """Leave the gate on the function that it became."""
    setattr(guarded, _MARK, (gate, guarded))


def gates_around(match: web.UrlMappingMatchInfo, method: str) -> Iterator[Gate]:
    """The gates of the matched handler, from outside to inside.

    They are found through `functools.wraps`, partials, bound methods, and the bases of a View. One inside a decorator
    that hides what it decorates is not: see `Ahead.surprised`.
    """
    handler: Any = match.handler
    if isinstance(handler, type):
        yield from _around_view(handler)
        handler = getattr(handler, method.lower(), None)
    yield from _around_function(handler)


def _around_function(function: Any) -> Iterator[Gate]:
    while function is not None:
        gate = _gate_of(function)
        if gate is not None:
            yield gate
            function = gate.inside
        elif isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        else:
            function = getattr(function, "__wrapped__", None)


def _around_view(view: type) -> Iterator[Gate]:
    for cls in view.__mro__:
        own = vars(cls).get("__await__")
        while own is not None:
            gate = _gate_of(own)
            if gate is None:  # a plain one, which may or may not go on to the next class
                return
            yield gate
            own = gate.inside


def _gate_of(function: Any) -> Gate | None:
    # `functools.wraps` copies marks along: one counts only on the function that it was made for.
    gate, marked = getattr(function, "__dict__", {}).get(_MARK, (None, None))
    return gate if marked is function else None
