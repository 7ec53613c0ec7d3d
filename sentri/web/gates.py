"""Guards that are asked ahead of their turn: what stands before a handler, and what it said of a request.

Each guard around a handler is a gate. The idempotency middleware has every gate of the matched route pass the request
before it looks a key up; when the request then gets to the gate itself, that answer counts and it is not asked again.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from sentri.identity import AuthUser
from sentri.web.request_keys import OwnKey, publish

__all__ = ["Ahead", "Config", "Gate", "ask_ahead", "asking_ahead", "gate_of", "gates_around", "is_plain_view", "mark"]

Config = Mapping[str | web.AppKey[Any], Any]
"""What an application and its parents keep, the nearest first: `request.config_dict`."""

_MARK: Final = "__sentri_gate__"


class Gate:
    """One guard around one handler.

    Args:
        enter: lets a request in, or raises what refuses it; None where it has nothing to say of it.
        enter_at_once: the same where it need not wait for anybody: whether it let the request in; False says nothing.
        inside: what it guards, to look for the gates behind it.
        judge: which auth object says so, by what the applications keep where it stands; None where there is but one.
        kind: what it asks, in a word or two, for those who list guards.
    """

    __slots__ = ("_enter", "_enter_at_once", "inside", "judge", "kind")

    def __init__(
        self,
        enter: Callable[[web.Request], Awaitable[AuthUser | None]],
        inside: Any = None,
        *,
        enter_at_once: Callable[[web.Request], bool] | None = None,
        judge: Callable[[Config], object] = lambda _: None,
        kind: str = "",
    ) -> None:
        self._enter = enter
        self._enter_at_once = enter_at_once
        self.inside = inside
        self.judge = judge
        self.kind = kind

    def enter_at_once(self, request: web.Request) -> bool:
        """Whether it let the request in without waiting for anybody; else `enter` it. Raises what refuses the request.

        Only for requests that nobody asks ahead for: those that change nothing, outside of any that does.
        """
        at_once = self._enter_at_once
        return at_once is not None and request.method in _SAFE and not _asked_ahead.get() and at_once(request)

    async def enter(self, request: web.Request) -> None:
        """Return, or raise what refuses the request: what was said ahead, once; else it is asked now."""
        ahead = request.get(_AHEAD)
        if ahead is None:
            await self._enter(request)
        elif not ahead.take(self, request):
            ahead.compare(self, await self._enter(request))

    async def ask(self, request: web.Request, app: web.Application) -> AuthUser | None:
        """Ask it ahead of its turn, as if the request had got to the application that it stands in."""
        with _inside(request, app):
            return await self._enter(request)

    def judge_in(self, request: web.Request, app: web.Application) -> object:
        """Whose word it is, there."""
        with _inside(request, app):
            return self.judge(request.config_dict)


@contextmanager
def _inside(request: web.Request, app: web.Application) -> Iterator[None]:
    """An imported guard finds its auth object in the application, and a check what else belongs to it."""
    match = request.match_info
    before, match.current_app = match.current_app, app
    try:
        yield
    finally:
        match.current_app = before


@dataclass(frozen=True, slots=True)
class _Said:
    """What a gate said, and whose word it was."""

    judge: object
    refusal: Exception | None = None


class Ahead:
    """What gates said of a request ahead of their turn.

    Attributes:
        refusal: what the last one raised, if it let nobody in.
        surprised: whether the request came to a gate that nobody knew of, or that found somebody else.
    """

    __slots__ = ("_known", "_request", "_unused", "refusal", "surprised")

    def __init__(self, request: web.Request) -> None:
        self._request = weakref.ref(request)
        self._known: dict[Gate, AuthUser | None] = {}
        self._unused: dict[Gate, _Said] = {}
        self.refusal: Exception | None = None
        self.surprised = False

    @property
    def users(self) -> Sequence[AuthUser]:
        """Whom they found, from outside to inside: one, unless they are of several auth objects."""
        return tuple({_name(user): user for user in self._known.values() if user is not None}.values())

    async def ask(self, gates: Iterable[tuple[web.Application, Gate]], request: web.Request) -> None:
        """Ask the gates in order, each in its application, up to the first that refuses the request."""
        for app, gate in gates:
            self._known[gate] = None
            try:
                self._known[gate] = await gate.ask(request, app)
            except Exception as refusal:  # noqa: BLE001 - it is raised when its turn comes
                self.refusal = refusal
                self._unused[gate] = _Said(gate.judge_in(request, app), refusal)
                return
            self._unused[gate] = _Said(gate.judge_in(request, app))

    def take(self, gate: Gate, request: web.Request) -> bool:
        """Whether the gate has said something ahead that was not used yet: it let the request in. Raises its refusal.

        Of a clone, which may have other headers, nothing was said; and what one auth object said is not another's word.
        """
        self.surprised = self.surprised or gate not in self._known
        if self._request() is not request or gate not in self._unused:
            return False
        said = self._unused.pop(gate)
        if said.judge is not gate.judge(request.config_dict):
            return False
        if said.refusal is not None:
            raise said.refusal
        user = self._known[gate]
        if user is not None:  # now, whatever was written there since
            publish(request, user)
        return True

    def compare(self, gate: Gate, user: AuthUser | None) -> None:
        """Notice that the gate, asked in its turn, found somebody else than it did ahead."""
        known = self._known.get(gate)
        self.surprised = self.surprised or (known and _name(known)) != (user and _name(user))


_AHEAD: Final[OwnKey[Ahead]] = OwnKey()
_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_asked_ahead: Final[ContextVar[bool]] = ContextVar("sentri.asked_ahead", default=False)


class asking_ahead:  # noqa: N801 - a context manager, named like a function; made by hand, it takes a third of the time
    """Meanwhile every gate is entered in full: `Ahead` has to notice each, whatever becomes of the request."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = _asked_ahead.set(True)

    def __exit__(self, *_: object) -> None:
        _asked_ahead.reset(self._before)


async def ask_ahead(request: web.Request, gates: Iterable[tuple[web.Application, Gate]]) -> Ahead:
    """Ask the gates ahead of their turn, and remember on the request what they said."""
    ahead = request[_AHEAD] = Ahead(request)
    await ahead.ask(gates, request)
    return ahead


def _name(user: AuthUser) -> tuple[str | None, str]:
    return user.issuer, user.id


def mark(guarded: Any, gate: Gate) -> None:
    """Leave the gate on the function that it became."""
    setattr(guarded, _MARK, (gate, guarded))


def gates_around(handler: Any, method: str) -> Iterator[Gate]:
    """The gates that such a request passes on its way through the handler of a route, from outside to inside.

    They are found through `functools.wraps`, partials, bound methods, and the bases of a View. One inside a decorator
    that hides what it decorates is not: see `Ahead.surprised`.
    """
    if isinstance(handler, type):
        yield from _around_view(handler)
        handler = getattr(handler, method.lower(), None)
    yield from _around_function(handler)


def _around_function(function: Any) -> Iterator[Gate]:
    while function is not None:
        gate = gate_of(function)
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
            gate = gate_of(own)
            if gate is None:  # a plain one, which may or may not go on to the next class
                return
            yield gate
            own = gate.inside


def is_plain_view(view: type) -> bool:
    """Whether aiohttp alone chooses the method that is run: guards around methods stand in nobody's way else."""
    return not any(
        "_iter" in vars(cls) or ("__await__" in vars(cls) and gate_of(vars(cls)["__await__"]) is None)
        for cls in view.__mro__[: view.__mro__.index(web.View)]
    )


def gate_of(function: Any) -> Gate | None:
    """The guard that the function is; None for what is none."""
    # `functools.wraps` copies marks along: one counts only on the function that it was made for.
    gate, marked = getattr(function, "__dict__", {}).get(_MARK, (None, None))
    return gate if marked is function else None
