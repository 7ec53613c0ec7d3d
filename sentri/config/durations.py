"""Durations as people write them: `"15m"`, a number of seconds, a `timedelta`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sentri.config.reading import Wrong

__all__ = ["Duration", "duration", "seconds"]

Duration = str | int | float | timedelta
"""What every option takes that is a length of time."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TEXT: Final = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_LONGEST: Final = 3650 * 86400.0
_ALLOWED: Final = "'30s', '15m', '1h', '7d', a number of seconds or a timedelta"


def seconds(value: object) -> float:
    """The duration in seconds. Raises `Wrong` for anything that is not a duration."""
    match value:
        case timedelta():
            return value.total_seconds()
        case bool():
            raise Wrong(f"is {value!r}; give {_ALLOWED}")
        case int() | float() if abs(value) <= _LONGEST:  # false for NaN
            return float(value)
        case int() | float() if abs(value) > _LONGEST:
            return math.inf if value > 0 else -math.inf
        case str() if written := _TEXT.fullmatch(value):
            return float(int(written[1]) * _UNITS[written[2]])
        case _:
            raise Wrong(f"is {_shown(value)}; give {_ALLOWED}")


def duration(*, least: float = 1.0, most: float = _LONGEST) -> Callable[[object], float]:
    """The reader of a duration from `least` to `most` seconds, 3650 days by default; answers in seconds."""
    limit = "3650 days" if most == _LONGEST else f"{most:g} seconds"

    def read(value: object) -> float:
        found = seconds(value)
        if not least <= found <= most:
            raise Wrong(f"is {_shown(value)}; it must be from {least:g} seconds to {limit}")
        return found

    return read


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:40]}…"
