"""Telling what happened: each happening one record in the log, and one call of its hooks."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sentri.clock import Clock
from sentri.digests import Digests
from sentri.events import NOTHING, Event
from sentri.happenings import HAPPENINGS
from sentri.hooks import HookRunner
from sentri.telemetry import OFF, Telemetry

__all__ = ["Events", "Origin", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request comes from.

    Attributes:
        request: its method and the pattern of its route.
        client: the name of its address.
    """

    request: str
    client: str


class Origin:
    """The request in whose course something happens.

    Attributes:
        caller: the user who was authenticated, once that is known.

    Args:
        owner: whose request it is: other auth servers of the process tell their own.
        source: tells where it comes from; asked once, and only where something happens.
    """

    __slots__ = ("_asked", "_source", "caller", "owner", "told")

    def __init__(self, owner: Events, source: Callable[[], Source]) -> None:
        self.owner = owner
        self.caller: str | None = None
        self.told: set[tuple[str, str | None]] = set()
        self._source = source
        self._asked: Source | None = None

    def source(self) -> Source:
        if self._asked is None:
            self._asked = self._source()
        return self._asked


_origin: ContextVar[Origin | None] = ContextVar("sentri.origin", default=None)


class Events:
    """Tells what happened: the log first, then the event's own hook and `on_event`, at the same time.

    Nothing that a handler of the log or a hook does reaches the caller.

    Args:
        digests: make names of sessions and addresses.
        logger: gets the records, under the name `events` below its own.
        telemetry: counts them.
    """

    def __init__(
        self, hooks: HookRunner, digests: Digests, clock: Clock, logger: logging.Logger, telemetry: Telemetry = OFF
    ) -> None:
        self._hooks = hooks
        self._digests = digests
        self._clock = clock
        self._logger = logger.getChild("events")
        self._telemetry = telemetry

    @contextmanager
    def coming_from(self, source: Callable[[], Source]) -> Iterator[None]:
        """What happens meanwhile, in this task and those that it begins, happens in the course of that request."""
        token = _origin.set(Origin(self, source))
        try:
            yield
        finally:
            _origin.reset(token)

    def acting(self, user_id: str) -> None:
        """The request in whose course this is called is that user's."""
        origin = self._origin()
        if origin is not None:
            origin.caller = user_id

    def digest(self, purpose: str, value: str) -> str:
        """A name for a value that must not be shown, 24 characters: the same for the same value and secret."""
        return base64.urlsafe_b64encode(self._digests.of(f"event {purpose}", value)).decode()

    async def tell(self, name: str, **about: Any) -> None:
        """Tell it, and wait for the hooks as long as they are waited for.

        Args:
            name: one of `HAPPENINGS`.
            about: `user_id`, whom it is about; `actor_id`, who did it, by default the user whose request it happens in;
                `session_id`, told as a digest; `reason`; `source`, where the request comes from, by default the one in
                whose course this is called. Anything else is a detail, and nothing that may not be in a log.
        """
        await self._hooks.wait(self._begin(self._event(name, self._origin(), **about)))

    def tell_soon(self, name: str, **about: Any) -> None:
        """Tell what no request did, and what nobody can wait for: the log has it at once, the hooks run by themselves.
        Takes what `tell` takes, and needs a running event loop.
        """
        self._begin(self._event(name, None, **about))

    async def tell_unless_told(self, name: str, **about: Any) -> None:
        """Tell it unless that has been done in the course of this request: a service of the host's may have called the
        built-in one, which tells, or it may not. Takes what `tell` takes.
        """
        origin = self._origin()
        user_id = about.get("user_id")
        if origin is None or not any(
            told == name and user_id in {None, about_whom} for told, about_whom in origin.told
        ):
            await self.tell(name, **about)

    def _origin(self) -> Origin | None:
        origin = _origin.get()
        return origin if origin is not None and origin.owner is self else None

    def _event(
        self,
        name: str,
        origin: Origin | None,
        *,
        user_id: str | None = None,
        actor_id: str | None = None,
        session_id: str | None = None,
        reason: str | None = None,
        source: Source | None = None,
        **details: Any,
    ) -> Event:
        if origin is not None:
            origin.told.add((name, user_id))
            source = source or origin.source()
            actor_id = actor_id or origin.caller
        return Event(
            name=name,
            at=self._clock(),
            user_id=user_id,
            actor_id=None if actor_id == user_id else actor_id,
            session=None if session_id is None else self.digest("session", session_id),
            client=None if source is None or not source.client else self.digest("client", source.client),
            request=None if source is None else source.request,
            reason=reason,
            details=MappingProxyType(details) if details else NOTHING,
        )

    def _begin(self, event: Event) -> list[Any]:
        happening = HAPPENINGS[event.name]
        if self._telemetry.on:
            reason = {} if event.reason is None else {"sentri.event.reason": event.reason}
            self._telemetry.add("sentri.events", 1, {"sentri.event.name": event.name, **reason})
        with suppress(Exception):  # a filter or a handler of the host's
            if self._logger.isEnabledFor(happening.level):
                self._logger.log(happening.level, "%s", event, extra={"sentri": event.to_dict()})
        names = (happening.hook, "on_event") if happening.hook_takes_event else ("on_event",)
        return [self._hooks.begin(name, event) for name in names]
