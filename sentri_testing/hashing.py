"""Passwords in tests: hashed in a millisecond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sentri.config.options import ServerOptions

__all__ = ["hashing_cheaply"]

_LEAST: Final = 4
"""bcrypt's own minimum. No configuration is let down to it: it is for passwords that protect nobody."""


def hashing_cheaply(read: ServerOptions, given: Mapping[str, Any]) -> ServerOptions:
    """The options that were read of `given`, with a cost of 4 for bcrypt unless `salt_rounds` is among them."""
    return read if "salt_rounds" in given else replace(read, salt_rounds=_LEAST)
