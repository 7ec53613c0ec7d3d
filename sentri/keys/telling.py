"""Log lines that change nothing about the keys."""

from __future__ import annotations

import logging
from contextlib import suppress

__all__ = ["tell"]


def tell(logger: logging.Logger, level: int, text: str, *arguments: object) -> None:
    """Log it, whatever the host's filters and handlers raise: a leaked key has to go all the same."""
    with suppress(Exception):
        logger.log(level, text, *arguments)
