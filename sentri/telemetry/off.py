"""What measures, where nobody wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Final

from sentri.errors import SentriError

__all__ = ["OFF", "Attributes", "Telemetry", "error_type"]

Attributes = Mapping[str, str | int]
_NONE: Final[Attributes] = MappingProxyType({})
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()


class Telemetry:
    """Takes what is measured, and does nothing with it.

    Attributes:
        on: whether anything is done with it. Who would have to measure first asks.
    """

    on = False

    def add(self, metric: str, value: int = 1, attributes: Attributes = _NONE) -> None:
        """Count up, or down where the metric allows that."""

    def record(self, metric: str, value: float, attributes: Attributes = _NONE) -> None:
        """One measurement of many."""

    def span(
        self,
        name: str,  # noqa: ARG002 - for those who trace
        attributes: Attributes = _NONE,  # noqa: ARG002
        *,
        calls_database: bool = False,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """What happens in the context is a span of this name. It has the type of an exception, and never its text."""
        return _NOTHING


def error_type(error: BaseException) -> str:
    """What of an error may be told: its code, or else its type."""
    return error.code if isinstance(error, SentriError) else type(error).__name__


OFF: Final = Telemetry()
"""Measures nothing."""
