"""Flows that are measured: each is a span, and a measurement of how long it took."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Concatenate, Final, ParamSpec, TypeVar

from sentri.accounts.context import Context
from sentri.telemetry import error_type

__all__ = ["traced"]

P = ParamSpec("P")
T = TypeVar("T")
Flow = Callable[Concatenate[Context, P], Awaitable[T]]
_NAME: Final = "sentri.flow.name"


def traced(name: str) -> Callable[[Flow[P, T]], Flow[P, T]]:
    """The flow, measured under this name where somebody wants to know."""

    def decorate(flow: Flow[P, T]) -> Flow[P, T]:
        @functools.wraps(flow)
        async def measured(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
            telemetry = context.telemetry
            if not telemetry.on:
                return await flow(context, *args, **kwargs)
            begun, about = perf_counter(), {_NAME: name}
            try:
                with telemetry.span(f"sentri.{name}", about):
                    return await flow(context, *args, **kwargs)
            except BaseException as error:
                about = {_NAME: name, "error.type": error_type(error)}
                raise
            finally:
                telemetry.record("sentri.flow.duration", perf_counter() - begun, about)

        return measured

    return decorate
