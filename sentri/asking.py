"""Asking a function of the host's a question that is answered with yes or no."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["ask"]


async def ask(question: Callable[..., Any], *about: object, within: float) -> bool:
    """What a plain or async function says. Anything but a bool is no answer: a `TypeError`, never a yes.

    Raises what the function raises, and `TimeoutError` after `within` seconds.
    """
    async with asyncio.timeout(within) as limit:
        answer = question(*about)
        if inspect.isawaitable(answer):
            answer = await answer
    if limit.expired():  # and the function went on as if nothing had been said
        raise TimeoutError
    if not isinstance(answer, bool):
        raise TypeError(f"{question!r} returned a {type(answer).__name__}, not a bool")
    return answer
