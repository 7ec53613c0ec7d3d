"""Guards: decorators that keep a handler's type, authenticate once a request, and stack in any order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Generator
from typing import Any, Protocol, TypeVar, cast, overload

from aiohttp import hdrs, web

from sentri.errors import ConfigurationError, SentriError
from sentri.identity import AuthUser
from sentri.web.bypassed import remember_guarded
from sentri.web.gates import Config, Gate, mark
from sentri.web.request_keys import publish

__all__ = ["Check", "Guard", "GuardedHandler", "Guards", "is_open_preflight"]

GuardedHandler = TypeVar("GuardedHandler", bound="Callable[..., Awaitable[web.StreamResponse]] | type[web.View]")
Check = Callable[[web.Request, AuthUser], "bool | Awaitable[bool]"]
"""`check(request, user)`, plain or async: may the user do this? Anything but a bool is an error, never a pass."""

Identify = Callable[[web.Request], Awaitable[AuthUser]]
Denied = Callable[[web.Request, AuthUser, str, frozenset[str]], Awaitable[None]]
Rule = Callable[[web.Request, AuthUser], Awaitable[None]]


class Guard(Protocol):
    """A decorator for a handler, a `web.View` method or a `web.View` class, which keeps its type."""

    def __call__(self, handler: GuardedHandler, /) -> GuardedHandler: ...


class Guards:
    """The three guards over one way to tell who a request comes from.

    Args:
        identify: the user of a request, remembered for its other guards; raises what refuses the request.
        recall: the same where nobody has to be waited for, remembered too; None says nothing.
        check_roles: raises `CONFIGURATION_ERROR` for roles that do not exist; asked at decoration.
        decide: runs a permission check; its answer is a bool, or it raises.
        judge: the auth object that all this is asked of, by what the applications keep.
        denied: is told of a user whom a rule refuses, with the reason and the roles that would have done.
    """

    def __init__(
        self,
        identify: Identify,
        *,
        recall: Callable[[web.Request], AuthUser | None] = lambda _: None,
        check_roles: Callable[[frozenset[str]], None],
        decide: Callable[[Check, web.Request, AuthUser], Awaitable[bool]],
        judge: Callable[[Config], object],
        denied: Denied,
        roles_at_request: Callable[[web.Request, frozenset[str]], None] | None = None,
    ) -> None:
        self._identify = identify
        self._recall = recall
        self._check_roles = check_roles
        self._decide = decide
        self.judge = judge
        self._denied = denied
        self._roles_at_request = roles_at_request

    @overload
    def protect(self, handler: GuardedHandler, /) -> GuardedHandler: ...
    @overload
    def protect(self) -> Guard: ...
    def protect(self, handler: Any = None) -> Any:
        """Let only authenticated requests through. Use it bare or called: `@protect`, `@protect()`."""
        guard = self._guard(None, "protect", self.enter_at_once)
        return guard if handler is None else guard(handler)

    def authorize(self, *roles: str) -> Guard:
        """Let only users through who have at least one of the roles; anybody else gets 403 `FORBIDDEN`.

        Authenticates by itself where no other guard has. No role, or one that does not exist, is a
        `CONFIGURATION_ERROR` at decoration.
        """
        wanted = self._role_names("authorize", roles)

        def passes(request: web.Request, user: AuthUser) -> bool:
            self._check_late(request, wanted)
            return not wanted.isdisjoint(user.roles)

        async def rule(request: web.Request, user: AuthUser) -> None:
            if not passes(request, user):
                await self._denied(request, user, "roles", wanted)
                raise forbidden()

        def enter_at_once(request: web.Request) -> bool:
            user = self._recall(request)
            if user is None or not passes(request, user):  # `rule` says no, and tells it
                return False
            publish(request, user)
            return True

        return self._guard(rule, f"authorize: {', '.join(sorted(wanted))}", enter_at_once)

    @overload
    def permit(self, check: Check, /) -> Guard: ...
    @overload
    def permit(self, *, roles: Collection[str], check: Check) -> Guard: ...
    @overload
    def permit(self, *, check: Check) -> Guard: ...
    def permit(self, check: Check | None = None, *, roles: Collection[str] | None = None) -> Guard:
        """Let a user through whom `check(request, user)` allows; one who has a listed role passes without the check.

        Authenticates by itself where no other guard has. The check must answer with a bool; anything else, an
        exception or a time-out is a 500, never a pass.
        """
        permitted = _callable_check(check)
        listed = frozenset[str]() if roles is None else self._role_names("permit", roles)

        async def rule(request: web.Request, user: AuthUser) -> None:
            self._check_late(request, listed)
            if listed.isdisjoint(user.roles) and not await self._decide(permitted, request, user):
                await self._denied(request, user, "check", listed)
                raise forbidden()

        return self._guard(rule, f"permit: {', or '.join([_name_of(permitted), *sorted(listed)])}")

    def _role_names(self, guard: str, roles: Collection[str]) -> frozenset[str]:
        if isinstance(roles, str) or not roles or not all(isinstance(role, str) for role in roles):
            raise ConfigurationError(f"{guard}() takes role names, at least one: @auth.{guard}(…'admin'…)")
        names = frozenset(str.__str__(role) for role in roles)
        self._check_roles(names)
        return names

    def _check_late(self, request: web.Request, roles: frozenset[str]) -> None:
        if self._roles_at_request is not None and roles:
            self._roles_at_request(request, roles)

    async def enter(self, request: web.Request, rule: Rule | None = None) -> AuthUser:
        """Authenticate the request, once, and apply the rule. Its user; or raises what refuses the request."""
        user = await self._identify(request)
        publish(request, user)
        if rule is not None:
            await rule(request, user)
        return user

    def enter_at_once(self, request: web.Request) -> bool:
        """Authenticate the request where nobody has to be waited for: whether that was so."""
        user = self._recall(request)
        if user is None:
            return False
        publish(request, user)
        return True

    def _guard(self, rule: Rule | None, kind: str, enter_at_once: Callable[[web.Request], bool] | None = None) -> Guard:
        async def enter(request: web.Request) -> AuthUser:
            return await self.enter(request, rule)

        gate_before = functools.partial(Gate, enter, enter_at_once=enter_at_once, judge=self.judge, kind=kind)

        def guard(handler: GuardedHandler, /) -> GuardedHandler:
            if isinstance(handler, type):
                return cast("GuardedHandler", _guarded_view(handler, gate_before))
            guarded = _guarded_function(handler, gate_before)
            remember_guarded(handler, self)
            return cast("GuardedHandler", guarded)

        return guard


def forbidden() -> SentriError:
    return SentriError("FORBIDDEN", "You are not allowed to do this.")


def is_open_preflight(request: web.Request) -> bool:
    """Whether this is a CORS preflight to a handler made for it: registered for OPTIONS itself, or a View's `options`.

    Browsers send preflights without credentials (Fetch standard, section 4.8), so a guard lets just these pass.
    """
    if request.method != hdrs.METH_OPTIONS:
        return False
    if hdrs.ORIGIN not in request.headers or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
        return False
    handler = request.match_info.handler
    if isinstance(handler, type) and issubclass(handler, web.View):
        return callable(getattr(handler, "options", None))
    return request.match_info.route.method == hdrs.METH_OPTIONS


def _guarded_function(handler: Any, gate_before: Callable[[Any], Gate]) -> Any:
    if not _is_async(handler):
        raise ConfigurationError(f"{handler!r} cannot be guarded: it is no `async def` handler and no web.View class")
    gate = gate_before(handler)

    @functools.wraps(handler)
    async def guarded(*args: Any, **kwargs: Any) -> web.StreamResponse:
        request = _request_of(args)
        if not gate.enter_at_once(request) and not (is_open_preflight(request) and _was_asked(request, args, guarded)):
            await gate.enter(request)
        response: web.StreamResponse = await handler(*args, **kwargs)
        return response

    mark(guarded, gate)
    return guarded


def _was_asked(request: web.Request, args: tuple[Any, ...], guarded: Any) -> bool:
    """Whether the preflight was sent to this handler, and did not get here through another one that calls it."""
    if isinstance(args[0], web.View):
        return getattr(guarded, "__name__", None) == "options"
    return inspect.unwrap(request.match_info.handler) is inspect.unwrap(guarded)


def _guarded_view(view: type, gate_before: Callable[[Any], Gate]) -> type:
    """Guard every method of the View, and of the classes that inherit from it, at the one place they all pass."""
    if not issubclass(view, web.View):
        raise ConfigurationError(f"{view!r} cannot be guarded: it is no `async def` handler and no web.View class")
    own: Callable[[web.View], Generator[Any, None, web.StreamResponse]] | None = vars(view).get("__await__")
    gate = gate_before(own)

    def __await__(self: web.View) -> Generator[Any, None, web.StreamResponse]:  # noqa: N807 - takes its place
        if not gate.enter_at_once(self.request) and not is_open_preflight(self.request):
            yield from gate.enter(self.request).__await__()
        # The next in line of `self`, not of `view`: beside it there may be another guarded base.
        following = cast("web.View", super(view, self))
        return (yield from following.__await__() if own is None else own(self))

    mark(__await__, gate)
    setattr(view, "__await__", __await__)  # noqa: B010 - mypy takes a plain assignment to a method for a mistake
    return view


def _is_async(handler: Any) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not callable(handler):
        return False
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004 - asks how it is called, not whether


def _callable_check(check: Any) -> Check:
    try:
        inspect.signature(check).bind(None, None)
    except (TypeError, ValueError):
        raise ConfigurationError("permit() takes a function check(request, user): @auth.permit(is_owner)") from None
    return cast("Check", check)


def _name_of(check: Any) -> str:
    while isinstance(check, functools.partial):
        check = check.func
    return str(getattr(check, "__name__", type(check).__name__))


def _request_of(args: tuple[Any, ...]) -> web.Request:
    if len(args) == 1 and type(args[0]) is web.Request:  # nearly always; what follows costs ten times as much
        return args[0]
    if args and isinstance(args[0], web.View):
        return args[0].request
    for arg in reversed(args):
        if isinstance(arg, web.Request):
            return arg
    raise ConfigurationError("a guarded handler was called without a request")
