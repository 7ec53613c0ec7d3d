"""Queries that are measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final, TypeVar

from sentri.telemetry import Telemetry, error_type

__all__ = ["measured", "system_name"]

T = TypeVar("T")
Fetch = Callable[[Sequence[str]], Awaitable[T]]
_SYSTEMS: Final = MappingProxyType({"postgres": "postgresql"})


def system_name(dialect: str) -> str:
    """The database as OpenTelemetry's semantic conventions name it."""
    return _SYSTEMS.get(dialect, dialect)


def measured(fetch: Fetch[T], telemetry: Telemetry, *, dialect: str) -> Fetch[T]:
    """The look-up of sessions, a span each; the very function itself where nobody wants to know."""
    if not telemetry.on:
        return fetch
    system: dict[str, str | int] = {"db.system.name": system_name(dialect)}
    query = system | {"db.operation.name": "SELECT", "db.collection.name": "sentri_sessions"}

    async def fetched(ids: Sequence[str]) -> Any:
        begun, about = perf_counter(), system
        batch = query if len(ids) == 1 else query | {"db.operation.batch.size": len(ids)}
        telemetry.record("sentri.session.lookup.size", len(ids), system)
        try:
            with telemetry.span("SELECT sentri_sessions", batch, calls_database=True):
                return await fetch(ids)
        except BaseException as error:
            about = system | {"error.type": error_type(error)}
            raise
        finally:
            telemetry.record("sentri.session.lookup.duration", perf_counter() - begun, about)

    return fetched
