"""How much is tried: little and always the same in the normal suite, much and always new behind `make soak`."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

__all__ = ["EXAMPLES", "IS_LONG", "fuzzing"]

IS_LONG: Final = "SENTRI_FUZZ_EXAMPLES" in os.environ
"""Whether somebody asked for a longer run, which tries other things every time."""

EXAMPLES: Final = int(os.environ.get("SENTRI_FUZZ_EXAMPLES", "12"))
"""Generated requests for one operation of one caller."""


def fuzzing(times: int = 4) -> settings:
    """The settings of a test that tries `times` as many examples as one operation gets."""
    return settings(
        max_examples=times * EXAMPLES,
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
