"""The idempotency middleware: a request that is repeated with its key gets its first answer."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NoReturn, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sentri.asking import ask
from sentri.config.idempotency import HOOKS, IdempotencyOptions
from sentri.errors import SentriError
from sentri.hooks import HookRunner
from sentri.idempotency.record import LEASE, Answer, Store, StoreUnavailable
from sentri.idempotency.turns import Busy, Mismatch, Run, Turns
from sentri.identity import AuthUser
from sentri.web.errors import ErrorMiddleware
from sentri.web.gates import Ahead, Gate, ask_ahead, asking_ahead, gates_around
from sentri.web.idempotency_answers import response_of
from sentri.web.idempotency_keeping import Keeping, is_success, route_of
from sentri.web.idempotency_keys import (
    caller_by_headers,
    caller_named,
    identity_of,
    key_of,
    verified_caller,
)
from sentri.web.left_alone import LeftAlone
from sentri.web.protecting import ProtectMiddleware
from sentri.web.request_keys import IDEMPOTENCY_KEY, OwnKey, unpublished

__all__ = ["Authority", "IdempotencyMiddleware", "Treatment"]

_CALLBACK_TIMEOUT: Final = 5.0
_SHUTDOWN_TIMEOUT: Final = 10.0
_IN_CHARGE: Final[OwnKey[bool]] = OwnKey()


class Treatment(Enum):
    """How the answers of an endpoint are treated."""

    HOST = "like any of the host's"
    OWN = "sentri's own: kept, whatever its Cache-Control says to caches"
    TOKENS = "gives or ends tokens: the key is ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What an auth object tells the middleware.

    Attributes:
        identify: the user of a request, asked once a request; raises what refuses it.
        treatment: of the endpoint that a request was matched to.
        gates: what sentri's own endpoints ask of a request before they do anything.
        address: which address a request comes from.
    """

    identify: Callable[[web.Request], Awaitable[AuthUser]]
    treatment: Callable[[web.UrlMappingMatchInfo], Treatment]
    gates: Callable[[web.UrlMappingMatchInfo], Iterable[Gate]]
    address: Callable[[web.BaseRequest], str]


@web.middleware
class IdempotencyMiddleware:
    """Answers repeats of a keyed request with its first answer, and never runs two of them at once.

    Made by `sentri.create_idempotency_middleware` or `auth.idempotency_middleware`. One object may serve several
    applications; `close` it when they shut down, unless an auth object does.

    Args:
        options: what `IdempotencyOptions.read` made of the configuration.
        store: where keys are kept.
        authority: the auth object's part; None where there is none.
        lease: seconds that the store holds a key for a run that was not renewed.
    """

    def __init__(
        self,
        options: IdempotencyOptions,
        store: Store,
        *,
        authority: Authority | None,
        logger: logging.Logger,
        lease: float = LEASE,
    ) -> None:
        self._options = options
        self._methods = frozenset(options.methods)
        self._authority = authority
        self._logger = logger
        self._errors = ErrorMiddleware(logger, None)
        self._store = store
        self._turns = Turns(
            store, wait=options.wait, lease=lease, keep=options.ttl, logger=logger, max_bytes=options.max_bytes
        )
        hooks = {name: hook for name in HOOKS if (hook := getattr(options, name)) is not None}
        self._hooks = HookRunner(hooks, timeout=_CALLBACK_TIMEOUT, logger=logger)
        self._asking = 0
        self._recording: set[Run] = set()
        self._running: set[asyncio.Task[web.StreamResponse]] = set()
        self._left_alone = LeftAlone("A handler", logger)
        self._closing: asyncio.Task[None] | None = None
        self._is_closed = False
        self._keeping = Keeping(max_body=options.max_body, logger=logger)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._store!r}>"

    @property
    def busy(self) -> int:
        """How many keys this process is busy with: running them, or waiting for who does."""
        return len(self._turns)

    def __call__(self, request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        # No coroutine of its own for requests that do not concern it: it is in front of every one of an application.
        return self._answered(request, handler) if self._concerns(request) else handler(request)

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with asking_ahead():
            return await self._asked(request, handler)

    async def _asked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        gates = list(self._gates(request))
        try:
            with unpublished(request):
                ahead = await ask_ahead(request, gates)
                outcome = await self._counted(request, ahead)
        except SentriError as error:
            return self._errors.refuse(request, error)
        if ahead.refusal is not None:
            return await self._refused(request, handler)
        if isinstance(outcome, Run):
            return await self._lead(outcome, ahead, request, handler)
        return await handler(request) if outcome is None else response_of(outcome)

    async def close(self, _: web.Application | None = None) -> None:
        """Wait for the work of clients that have gone, at most 10 s, then let go of connections. For `app.on_shutdown`.

        For requests whose clients are there the server itself waits; the connections end with the last of them. It may
        be repeated, and loses nothing that is kept: the next request opens what it needs, as if nothing was closed.
        """
        self._is_closed = True
        await self._left_alone.close(within=_SHUTDOWN_TIMEOUT)
        await self._hooks.close()
        await self._let_go()

    async def _let_go(self) -> None:
        if self._may_let_go():
            await self._turns.close()

    def _let_go_soon(self) -> None:
        if self._may_let_go():
            self._closing = asyncio.get_running_loop().create_task(self._let_go())

    def _may_let_go(self) -> bool:
        """Whether it was closed, nobody has used it since, and nothing runs or waits."""
        if not self._is_closed or self._asking:
            return False
        loop = asyncio.get_running_loop()
        return not any(work.get_loop() is loop for work in self._running)

    # --- whether there is anything to do

    def _concerns(self, request: web.Request) -> bool:
        if request.method not in self._methods or _IN_CHARGE in request:
            return False
        if not any(name in request.headers for name in self._options.header) and not self._may_require(request):
            return False
        return self._treatment(request) is not Treatment.TOKENS

    def _may_require(self, request: web.Request) -> bool:
        # Where there is nothing to run, 404 or 405 says more than a missing key.
        return self._options.required is not False and request.match_info.http_exception is None

    def _treatment(self, request: web.Request) -> Treatment:
        return Treatment.HOST if self._authority is None else self._authority.treatment(request.match_info)

    def _gates(self, request: web.Request) -> Iterator[tuple[web.Application, Gate]]:
        """Everything of sentri's that the request has to pass, in the order in which it comes to it, and where."""
        match = request.match_info
        apps = match.apps
        for app in apps:
            for each in app.middlewares:
                if isinstance(each, ProtectMiddleware):
                    yield app, each.gate
        if self._authority is not None:
            for gate in self._authority.gates(match):
                yield apps[-1], gate
        for gate in gates_around(match.handler, request.method):
            yield apps[-1], gate

    async def _key(self, request: web.Request) -> str | None:
        key = key_of(request, self._options.header)
        if key is None and await self._is_required(request):
            raise SentriError("VALIDATION_ERROR", f"{self._options.header[-1]}: is required.")
        return key

    async def _is_required(self, request: web.Request) -> bool:
        required = self._options.required
        if isinstance(required, bool):
            return required
        try:
            return await ask(required, request, within=_CALLBACK_TIMEOUT)
        except Exception as error:
            self._logger.exception("required gave no answer; the request was refused.")
            raise SentriError("INTERNAL_ERROR", "Something went wrong on the server.") from error

    # --- who asks, and what is known

    async def _identified(self, request: web.Request) -> Sequence[AuthUser]:
        """The user of a request to a handler that is open to all. Raises where that can't be told at this moment."""
        if self._authority is None:
            return ()
        try:
            return (await self._authority.identify(request),)
        except SentriError as error:
            if error.status_code >= 500:
                raise
            return ()

    async def _caller(self, request: web.Request, users: Sequence[AuthUser]) -> bytes:
        if self._options.caller is not None:
            return caller_named(await self._named(self._options.caller, request))
        if users:
            return verified_caller(*users)
        return caller_by_headers(request, _peer if self._authority is None else self._authority.address)

    async def _named(self, caller: Callable[[web.Request], Any], request: web.Request) -> str:
        try:
            async with asyncio.timeout(_CALLBACK_TIMEOUT):
                name = caller(request)
                if inspect.isawaitable(name):
                    name = await name
            if not isinstance(name, str) or not name:
                raise TypeError(f"{caller!r} returned a {type(name).__name__}, not a non-empty str")  # noqa: TRY301
        except (SentriError, web.HTTPException):
            raise  # that is how it refuses
        except Exception as error:
            self._logger.exception("caller named nobody; the request was refused.")
            raise SentriError("INTERNAL_ERROR", "Something went wrong on the server.") from error
        return name

    async def _counted(self, request: web.Request, ahead: Ahead) -> Run | Answer | None:
        if ahead.refusal is not None:
            return None
        self._is_closed = False
        self._asking += 1
        outcome = None
        try:
            outcome = await self._outcome(request, ahead)
        finally:
            self._asking -= 1
            if not isinstance(outcome, Run):  # else it goes on
                self._let_go_soon()
        return outcome

    async def _outcome(self, request: web.Request, ahead: Ahead) -> Run | Answer | None:
        """The right to run, or the first request's answer; None for running without a key, or without the guarantee."""
        key = await self._key(request)
        if key is None:
            return None
        users = ahead.users or await self._identified(request)
        caller = await self._caller(request, users)
        scope, fingerprint = await identity_of(request, caller, key)
        request[IDEMPOTENCY_KEY] = key
        request[_IN_CHARGE] = True
        about = (request.method, route_of(request), users[-1].id if users else None)
        try:
            found = await self._turns.take(scope, fingerprint)
        except (Busy, Mismatch) as refused:
            return await self._conflict("in_flight" if isinstance(refused, Busy) else "mismatch", *about)
        except StoreUnavailable:
            self._without_store()
            return None
        if isinstance(found, Run):
            return found
        if found.answer is None:
            return await self._conflict("done", *about)
        await self._hooks.tell("on_replay", *about)
        return found.answer

    def _without_store(self) -> None:
        """Raises `SERVICE_UNAVAILABLE`, unless requests are to run without the guarantee."""
        if self._options.on_store_error == "fail":
            raise SentriError(
                "SERVICE_UNAVAILABLE",
                "The request was not carried out: its idempotency key cannot be looked up now.",
                headers={hdrs.RETRY_AFTER: "1"},
            ) from None

    async def _conflict(self, reason: str, *about: object) -> NoReturn:
        await self._hooks.tell("on_conflict", *about, reason)
        raise _conflict(reason)

    # --- running

    async def _lead(self, run: Run, ahead: Ahead, request: web.Request, handler: Handler) -> web.StreamResponse:
        work = _begun(self._work(run, ahead, request, handler))
        if work.done() and not work.cancelled():  # at once, having waited for nobody
            self._let_go_soon()
            return work.result()
        self._running.add(work)
        work.add_done_callback(self._ended)
        while True:
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                if work.cancelled():
                    raise
                if work.done() or run in self._recording or self._may_complete(request):
                    self._left_alone.add(work)
                    raise
                work.cancel()  # and wait for it, as whoever called the handler would

    def _may_complete(self, request: web.Request) -> bool:
        """Whether the work may go on when nobody waits for it any more."""
        # Not where somebody else gave it up, such as a middleware with a time limit: its connection lives, and whatever
        # the handler streamed would get into the next response.
        gone = request.transport is None or request.transport.is_closing()
        return gone and self._options.complete_on_disconnect

    def _ended(self, work: asyncio.Task[web.StreamResponse]) -> None:
        self._running.discard(work)
        self._let_go_soon()

    async def _work(self, run: Run, ahead: Ahead, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPSuccessful as raised:
            await self._record(run, ahead, request, raised)
            raise
        except BaseException:
            await run.drop()
            raise
        await self._record(run, ahead, request, response)
        return response

    async def _record(self, run: Run, ahead: Ahead, request: web.Request, response: object) -> None:
        """The handler has ended: from here on nobody cancels the work."""
        self._recording.add(run)
        try:
            no_store_too = self._treatment(request) is Treatment.OWN
            await self._keeping.keep(run, ahead, request, response, no_store_too=no_store_too)
        finally:
            self._recording.discard(run)

    async def _refused(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Go on to where the guard gives its answer; or doesn't, where something decides whom it is asked about."""
        response: object = await handler(request)
        if isinstance(response, web.StreamResponse) and is_success(response):
            self._logger.warning(
                "%s %s was carried out, though one of its guards refuses the request when it is asked beforehand: such "
                "answers are not kept, and repeats run again.",
                request.method,
                route_of(request),
            )
        return cast("web.StreamResponse", response)


def _begun(work: Coroutine[Any, Any, web.StreamResponse]) -> asyncio.Task[web.StreamResponse]:
    """The task that does it; begun already, where Python can."""
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    return loop.create_task(work)


def _peer(request: web.BaseRequest) -> str:
    """The address of the connection."""
    return request.remote or ""


def _conflict(reason: str) -> SentriError:
    if reason == "mismatch":
        return SentriError("IDEMPOTENCY_MISMATCH", "This key was used for a request with another body.")
    if reason == "done":
        message = "The request with this key was carried out already; its answer was not kept."
        return SentriError("IDEMPOTENCY_CONFLICT", message)
    message = "A request with this key is still being carried out."
    return SentriError("IDEMPOTENCY_CONFLICT", message, headers={hdrs.RETRY_AFTER: "1"})
