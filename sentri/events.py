"""What happened that matters to security, as it is told: to the log, and to hooks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

__all__ = ["NOTHING", "Event"]

_PLAIN: Final = re.compile(r"[\w.:/{}-]+", re.ASCII)
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One happening, told after it was committed. It holds no identifier, no password, no token and no session id.

    Attributes:
        name: which one; docs/events.md has them all.
        at: when, in seconds since the Unix epoch.
        user_id: whom it is about; None where nobody is known.
        actor_id: who did it, where that is another user; None for the user themselves and for callers in Python.
        session: a keyed digest of the session's id.
        client: a keyed digest of the address that the request came from; of the /64 of IPv6.
        request: method and pattern of the route, such as `"POST /auth/login"`; None outside of requests.
        reason: a code that says more; docs/events.md has those of every event.
        details: what there is more, such as the roles before and after.
    """

    name: str
    at: float
    user_id: str | None = None
    actor_id: str | None = None
    session: str | None = None
    client: str | None = None
    request: str | None = None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=lambda: NOTHING, hash=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """To be sent to another process: details that nobody changes cannot be pickled as they are."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return _sent, (fields | {"details": dict(self.details)},)

    def to_dict(self) -> dict[str, Any]:
        """What is known, ready for JSON: `event`, `at` and, where they are not None, the others by their names."""
        known = {"event": self.name, "at": self.at}
        for name in ("user_id", "actor_id", "session", "client", "request", "reason"):
            value = getattr(self, name)
            if value is not None:
                known[name] = value
        if self.details:
            known["details"] = {
                name: list(value) if isinstance(value, tuple) else value for name, value in self.details.items()
            }
        return known

    def __str__(self) -> str:
        """One line for the log: the name, then `key=value`. Whatever a value holds, it is one line."""
        known = self.to_dict()
        del known["event"], known["at"]
        known |= known.pop("details", {})
        return " ".join([self.name, *(f"{name}={_shown(value)}" for name, value in known.items())])


def _sent(fields: dict[str, Any]) -> Event:
    return Event(**fields | {"details": MappingProxyType(fields["details"])})


def _shown(value: object) -> str:
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value)
